#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "lab/cpio.h"
#include "lab/kernel_modules.h"
#include "lab/kernel_needs.h"
#include "lab/vm.h"
#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

TEST(Cpio, IsReadByCpio) {
  CpioArchive archive;
  archive.add_folder("a");
  archive.add_file("a/b", "12345", 0755);
  archive.add_character_device("console", 5, 1);
  const std::string bytes = archive.finish();
  EXPECT_EQ(bytes.size() % 4, 0u);
  EXPECT_TRUE(bytes.starts_with("070701"));
  EXPECT_NE(bytes.find("TRAILER!!!"), std::string::npos);
  // Mode, and the file's size and name size, at their places (buffer-format.rst).
  const size_t file = bytes.find("a/b") - 110;
  EXPECT_EQ(bytes.substr(file + 14, 8), "000081ED");
  EXPECT_EQ(bytes.substr(file + 54, 8), "00000005");
  EXPECT_EQ(bytes.substr(file + 94, 8), "00000004");
  EXPECT_EQ(bytes.substr(file + 116, 5), "12345");
}

TEST(KernelModules, TellWhatTheyDependOn) {
  using namespace std::string_literals;
  const std::string module = "\0license=GPL\0depends=mbcache,jbd2\0softdep=pre: crc32c post: x\0"s;
  EXPECT_EQ(dependencies_of(module), (std::vector<std::string>{"mbcache", "jbd2", "crc32c"}));
  EXPECT_TRUE(dependencies_of("\0depends=\0"s).empty());
}

TEST(KernelModules, ComeAfterWhatTheyNeedAndOnce) {
  using namespace std::string_literals;
  const TempFolder folder;
  std::filesystem::create_directories(folder.path() + "/kernel/x");
  std::ofstream(folder.path() + "/kernel/null_blk.ko") << "\0depends=configfs,a-b\0"s;
  std::ofstream(folder.path() + "/kernel/x/configfs.ko") << "\0depends=a_b\0"s;
  std::ofstream(folder.path() + "/kernel/x/a-b.ko") << "\0depends=\0"s;
  const auto modules = collect_modules(folder.path(), {"null_blk", "configfs", "ext4"});
  ASSERT_TRUE(modules);
  std::vector<std::string> names;
  for (const KernelModule& module : *modules) names.push_back(module.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a_b.ko", "configfs.ko", "null_blk.ko"}));
  EXPECT_EQ(collect_modules(folder.path() + "/none", {"ext4"}).error().kind, ErrorKind::InvalidInput);
}

TEST(KernelNeeds, NamesWhatTheConfigurationLacks) {
  std::string config;
  for (const std::string& option : missing_options("", false, {})) {
    config += option.substr(0, option.find(' ')) + "=y\n";
  }
  EXPECT_GE(std::count(config.begin(), config.end(), '\n'), 10);
  EXPECT_TRUE(missing_options(config, false, {}).empty());
  LabShape with_swap;
  with_swap.swap_bytes = 1;
  EXPECT_EQ(missing_options(config, false, with_swap).size(), 2u);

  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = config;
    return text.replace(text.find(from), from.size(), to);
  };
  using Options = std::vector<std::string>;
  EXPECT_EQ(missing_options(replaced("CONFIG_PCI=y", "# CONFIG_PCI is not set"), true, {}),
            Options{"CONFIG_PCI"});
  EXPECT_EQ(missing_options(replaced("CONFIG_PCI=y", "CONFIG_PCI=m"), true, {}), Options{"CONFIG_PCI"});
  const std::string as_module = replaced("CONFIG_EXT4_FS=y", "CONFIG_EXT4_FS=m");
  EXPECT_TRUE(missing_options(as_module, true, {}).empty());
  EXPECT_EQ(missing_options(as_module, false, {}).size(), 1u);
}

TEST(Console, GivesItsLastLinesAndThePanic) {
  const std::string console = "one\r\ntwo\r\n[ 1.0] Kernel panic - not syncing: x\r\n\r\n";
  EXPECT_EQ(last_console_lines(console, 2), "two | [ 1.0] Kernel panic - not syncing: x");
  EXPECT_EQ(panic_in(console), "Kernel panic - not syncing: x");
  EXPECT_EQ(panic_in("all is well"), std::nullopt);
  EXPECT_EQ(kernel_lines(console), (std::vector<std::string>{"one", "two", "Kernel panic - not syncing: x"}));
  EXPECT_TRUE(is_harness_panic("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"));
  EXPECT_FALSE(is_harness_panic("Kernel panic - not syncing: Fatal exception in interrupt"));
}

}  // namespace
}  // namespace treeline::testing
