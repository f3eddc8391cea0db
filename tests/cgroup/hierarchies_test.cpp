#include "cgroup/hierarchies.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Mounts as a text, and folders that stand for mount points.
class Mounts {
 public:
  std::string folder(const std::string& name) const {
    std::filesystem::create_directories(folder_.path() + "/" + name);
    return folder_.path() + "/" + name;
  }
  Result<Hierarchies> detect(const std::string& lines, const std::string& root = "",
                             const MachineFacts* known = nullptr) const {
    const std::string path = folder_.path() + "/mounts";
    std::ofstream(path) << lines;
    return Hierarchies::detect(root, path, known);
  }

 private:
  TempFolder folder_;
};

std::string line(const std::string& mount, const std::string& type, const std::string& flags) {
  return type + " " + mount + " " + type + " " + flags + " 0 0\n";
}

TEST(HierarchyDetection, SaysWhatToDoWhereNothingIsMounted) {
  const Mounts mounts;
  const auto found = mounts.detect("tmpfs /tmp tmpfs rw 0 0\n");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(found.error()), HasSubstr("no cgroup hierarchy is mounted"));
  EXPECT_THAT(to_string(found.error()), HasSubstr("--cgroup-root"));
}

TEST(HierarchyDetection, ReportsAnUnreadableMountTable) {
  const auto found = Hierarchies::detect("", "/nonexistent/mounts");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().errnum, ENOENT);
}

TEST(HierarchyDetection, RefusesARootThatLeavesTheHierarchy) {
  const Mounts mounts;
  for (const std::string root : {"/absolute", "..", "a/../../b", "../a"}) {
    const auto found = mounts.detect(line(mounts.folder("cpu"), "cgroup", "rw,cpu"), root);
    ASSERT_FALSE(found) << root;
    EXPECT_EQ(found.error().kind, ErrorKind::InvalidInput) << root;
  }
}

TEST(HierarchyDetection, ReadsTheControllersOfAJointV1Mount) {
  const Mounts mounts;
  const std::string mount = mounts.folder("joint");
  const auto found = mounts.detect(line(mount, "cgroup", "rw,nosuid,cpu,cpuacct"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->all().size(), 1U);
  EXPECT_EQ(found->mode(), "v1");
  EXPECT_THAT(found->all()[0].controllers, ElementsAre(Controller::Cpu, Controller::Cpuacct));
  EXPECT_EQ(found->find(Controller::Cpu), found->find(Controller::Cpuacct));
  EXPECT_EQ(found->find(Controller::Memory), nullptr);
  EXPECT_EQ(found->all()[0].base, mount);
  EXPECT_EQ(found->all()[0].flags, "rw,nosuid,cpu,cpuacct");
}

TEST(HierarchyDetection, ReadsTheControllersOfAV2Mount) {
  const Mounts mounts;
  const std::string mount = mounts.folder("unified");
  std::ofstream(mount + "/cgroup.controllers") << "cpuset cpu io memory hugetlb pids\n";
  std::ofstream(mount + "/cgroup.subtree_control") << "";
  const auto found = mounts.detect(line(mount, "cgroup2", "rw"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode(), "v2");
  for (const Controller controller :
       {Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Io, Controller::Cpuset,
        Controller::Hugetlb, Controller::Freezer, Controller::Core}) {
    ASSERT_NE(found->find(controller), nullptr) << controller_name(controller);
    EXPECT_EQ(found->find(controller)->version, CgroupVersion::V2);
  }
  EXPECT_EQ(found->find(Controller::Cpuacct), nullptr);
}

TEST(HierarchyDetection, WhatCannotBeEnabledOnV2IsNotUsable) {
  const Mounts mounts;
  const std::string mount = mounts.folder("unified");
  std::ofstream(mount + "/cgroup.controllers") << "cpu\n";
  const auto found = mounts.detect(line(mount, "cgroup2", "rw"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->find(Controller::Cpu), nullptr);
  EXPECT_NE(found->find(Controller::Freezer), nullptr);
  ASSERT_TRUE(found->unusable().contains(Controller::Cpu));
  EXPECT_NE(found->unusable().at(Controller::Cpu).find("cgroup.subtree_control"), std::string::npos);
}

TEST(HierarchyDetection, TellsAHybridMachineByItsControllers) {
  const Mounts mounts;
  const std::string unified = mounts.folder("unified");
  std::ofstream(unified + "/cgroup.controllers") << "memory pids\n";
  std::ofstream(unified + "/cgroup.subtree_control") << "";
  const auto found =
      mounts.detect(line(unified, "cgroup2", "rw") + line(mounts.folder("cpu"), "cgroup", "rw,cpu"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode(), "hybrid");
  EXPECT_EQ(found->find(Controller::Cpu)->version, CgroupVersion::V1);
  EXPECT_EQ(found->find(Controller::Memory)->version, CgroupVersion::V2);
}

TEST(HierarchyDetection, PassesOverHierarchiesWithoutKnownControllers) {
  const Mounts mounts;
  const auto found = mounts.detect(line(mounts.folder("systemd"), "cgroup", "rw,name=systemd") +
                                   line(mounts.folder("pids"), "cgroup", "rw,pids") +
                                   line(mounts.folder("again"), "cgroup", "rw,pids"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->all().size(), 1U);
  EXPECT_THAT(found->find(Controller::Pids)->mount, HasSubstr("/pids"));
  EXPECT_THAT(found->unusable(), IsEmpty());
}

TEST(HierarchyDetection, KeepsWhyAControllerIsNotUsable) {
  const Mounts mounts;
  const auto found = mounts.detect(line("/nonexistent/cpu", "cgroup", "rw,cpu") +
                                   line(mounts.folder("pids"), "cgroup", "rw,pids"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->find(Controller::Cpu), nullptr);
  ASSERT_TRUE(found->unusable().contains(Controller::Cpu));
  EXPECT_THAT(found->unusable().at(Controller::Cpu), HasSubstr("/nonexistent/cpu"));
}

TEST(HierarchyDetection, TakesWhatIsKnownWithoutTrying) {
  const Mounts mounts;
  MachineFacts known;
  known.controllers[Controller::Cpu] = CgroupVersion::V1;
  const auto found = mounts.detect(
      line("/nonexistent/cpu", "cgroup", "rw,cpu") + line("/nonexistent/pids", "cgroup", "rw,pids"), "a/b",
      &known);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->all().size(), 1U);
  EXPECT_EQ(found->find(Controller::Cpu)->base, "/nonexistent/cpu/a/b");
  EXPECT_EQ(found->cgroup_root(), "a/b");
}

class HostHierarchies : public HostTest {};

TEST_F(HostHierarchies, HaveTheFilesOfANewGroup) {
  for (const Hierarchy& hierarchy : hierarchies_.all()) {
    SCOPED_TRACE(hierarchy.mount);
    EXPECT_TRUE(hierarchy.files.contains("cgroup.procs"));
    EXPECT_FALSE(hierarchy.controllers.empty());
    EXPECT_TRUE(exists(hierarchy.base + "/cgroup.procs"));
  }
  const Hierarchy* pids = hierarchies_.find(Controller::Pids);
  EXPECT_TRUE(!pids || pids->files.contains("pids.max"));
}

TEST_F(HostHierarchies, LeaveNoProbeGroup) {
  EXPECT_THAT(groups_with(hierarchies_, run_group_name(::getpid())), IsEmpty());
}

TEST_F(HostHierarchies, RefuseARootThatIsNotThere) {
  const auto found = Hierarchies::detect(owner_ + "-missing");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(found.error()), HasSubstr(owner_ + "-missing"));
}

TEST_F(HostHierarchies, HonourARootBelowAnOwnGroup) {
  const OwnRoot root(hierarchies_, machine_);
  const auto below = root.hierarchies();
  ASSERT_TRUE(below) << to_string(below.error());
  ASSERT_EQ(below->all().size(), hierarchies_.all().size());
  for (const Hierarchy& hierarchy : below->all())
    EXPECT_EQ(hierarchy.base, hierarchy.mount + "/" + root.name());
}

TEST(HierarchyDetection, RefusesACpuQuotaAbove) {
  const Mounts mounts;
  const std::string mount = mounts.folder("cpu");
  std::filesystem::create_directories(mount + "/pod/container");
  const std::string line_of_mount = line(mount, "cgroup", "rw,cpu");
  std::ofstream(mount + "/pod/cpu.cfs_quota_us") << "-1\n";
  EXPECT_TRUE(mounts.detect(line_of_mount, "pod/container"));
  std::ofstream(mount + "/pod/cpu.cfs_quota_us") << "50000\n";
  const auto found = mounts.detect(line_of_mount, "pod/container");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(found.error()), HasSubstr("50000 in " + mount + "/pod/cpu.cfs_quota_us"));
  EXPECT_TRUE(mounts.detect(line_of_mount)) << "it does not hold outside pod";
}

TEST(HierarchyDetection, RefusesTheContainersOwnQuotaOnV2) {
  const Mounts mounts;
  const std::string mount = mounts.folder("unified");
  std::ofstream(mount + "/cgroup.controllers") << "cpu\n";
  std::ofstream(mount + "/cpu.max") << "max 100000\n";
  EXPECT_TRUE(mounts.detect(line(mount, "cgroup2", "rw")));
  std::ofstream(mount + "/cpu.max") << "150000 100000\n";
  const auto found = mounts.detect(line(mount, "cgroup2", "rw"));
  ASSERT_FALSE(found);
  EXPECT_THAT(to_string(found.error()), HasSubstr("150000 100000 in " + mount + "/cpu.max"));
}

}  // namespace
}  // namespace treeline::testing
