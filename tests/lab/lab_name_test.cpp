#include "lab/lab_name.h"

#include <gtest/gtest.h>

namespace treeline::testing {
namespace {

TEST(LabName, CarriesTheShape) {
  const auto options = lab_options_from_name("Lab/debian-6.1/hybrid/4cpus/2nodes/1024MiB/64MiB-swap");
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_EQ(options->kernel, "debian-6.1");
  EXPECT_EQ(options->shape, (LabShape{"hybrid", 4, 2, 1 << 30, 64 << 20, ""}));
}

TEST(LabName, LeavesTheDefaultOut) {
  EXPECT_EQ(lab_name("debian-6.12", {}), "Lab/debian-6.12/v2");
  EXPECT_EQ(lab_options_from_name("Lab/debian-6.12/v2")->shape, LabShape{});
}

TEST(LabName, IsReadAsItIsWritten) {
  for (const char* name :
       {"Lab/debian-6.12/v2/2cpus", "Lab/debian-6.12/v2/64MiB-swap", "Lab/bzImage/v1/256MiB",
        "Lab/debian-6.12/v2/8cpus/4nodes", "Lab/debian-6.12/v2/2cpus/64MiB-swap",
        "Lab/debian-6.12/v2/2cpus/cmdline=root=/dev/x psi=1"}) {
    const auto options = lab_options_from_name(name);
    ASSERT_TRUE(options) << name;
    EXPECT_EQ(lab_name(options->kernel, options->shape), name);
  }
}

TEST(LabName, AnyOtherIsInvalidInput) {
  for (const char* wrong : {"",
                            "Host",
                            "Lab",
                            "Lab/",
                            "Lab/debian-6.12",
                            "Lab/debian-6.12/",
                            "Lab/debian-6.12/v2/",
                            "lab/debian-6.12/v2",
                            "Lab/debian-6.12/v3",
                            "Lab/debian-6.12/v2/a",
                            "Lab/a/v2/c/d",
                            "Lab/debian-6.12/v2/1cpus",
                            "Lab/debian-6.12/v2/65cpus",
                            "Lab/debian-6.12/v2/0cpus",
                            "Lab/debian-6.12/v2/-2cpus",
                            "Lab/debian-6.12/v2/+2cpus",
                            "Lab/debian-6.12/v2/02cpus",
                            "Lab/debian-6.12/v2/2 cpus",
                            "Lab/debian-6.12/v2/2cpu",
                            "Lab/debian-6.12/v2/2",
                            "Lab/debian-6.12/v2/cpus",
                            "Lab/debian-6.12/v2/2cpus/2cpus",
                            "Lab/debian-6.12/v2//2cpus",
                            "Lab/debian-6.12/v2/2cpus/4nodes",
                            "Lab/debian-6.12/v2/512MiB",
                            "Lab/debian-6.12/v2/1MiB",
                            "Lab/debian-6.12/v2/99999999999999999999MiB",
                            "Lab/debian-6.12/v2/0MiB-swap",
                            "Lab/debian-6.12/v2/64MiB-swap/2cpus",
                            "Lab/debian-6.12/v2/cmdline="}) {
    const auto options = lab_options_from_name(wrong);
    ASSERT_FALSE(options) << wrong;
    EXPECT_EQ(options.error().kind, ErrorKind::InvalidInput) << wrong;
  }
}

}  // namespace
}  // namespace treeline::testing
