#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/time.h>

#include <future>

namespace treeline::testing {
namespace {

/// The library that a clone's QEMU has preloaded, here only looked into.
class Turns : public ::testing::Test {
 protected:
  void SetUp() override {
    library_ = ::dlopen(TREELINE_BIN_DIR "/treeline-turns.so", RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << ::dlerror();
    look_ = reinterpret_cast<decltype(look_)>(::dlsym(library_, "gettimeofday"));
    ASSERT_NE(look_, nullptr) << ::dlerror();
  }
  void TearDown() override {
    if (library_) ::dlclose(library_);
  }

  int64_t now_us() const {
    timeval now{};
    EXPECT_EQ(look_(&now, nullptr), 0);
    return now.tv_sec * 1'000'000 + now.tv_usec;
  }
  int64_t now_us_of_another_thread() const {
    return std::async(std::launch::async, [this] { return now_us(); }).get();
  }

 private:
  void* library_ = nullptr;
  int (*look_)(timeval*, void*) = nullptr;
};

TEST_F(Turns, GiveTheTimeThatTheVcpusThreadHasMovedOn) {
  const int64_t start = now_us();
  EXPECT_EQ(now_us(), start);
  EXPECT_EQ(now_us_of_another_thread(), start + 10);
  EXPECT_EQ(now_us(), start + 10);
  EXPECT_EQ(now_us_of_another_thread(), start + 20);
}

}  // namespace
}  // namespace treeline::testing
