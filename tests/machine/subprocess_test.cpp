#include "machine/subprocess.h"

#include <gmock/gmock.h>

#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kLong = seconds(60);  // for a hang only
constexpr auto kSoon = milliseconds(50);

Result<SubprocessResult> shell(const std::string& script, const std::string& request = "",
                               milliseconds deadline = kLong, milliseconds grace = kLong) {
  return run_subprocess({"/bin/sh", "-c", script}, request, deadline, grace);
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

TEST(Subprocess, AnswersARequest) {
  const auto result = shell("cat <&3 >&4", "some words");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->answer, "some words");
  EXPECT_EQ(result->status, 0);
  EXPECT_FALSE(result->timed_out);
  EXPECT_FALSE(has_children());
}

TEST(Subprocess, PassesMoreThanAPipeHoldsBothWays) {
  std::string request(3 << 20, 'r');
  for (size_t i = 0; i < request.size(); i += 1000) request[i] = static_cast<char>('a' + i / 1000 % 26);
  const auto result = shell("cat <&3 >&4", request);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->answer == request) << result->answer.size() << " bytes";
}

TEST(Subprocess, DoesNotMindARequestThatIsNotRead) {
  const auto result = shell("exec 3<&-; echo done >&4", std::string(3 << 20, 'r'));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->answer, "done\n");
  EXPECT_EQ(result->status, 0);
}

TEST(Subprocess, SaysHowItExited) {
  const auto result = shell("echo half >&4; exit 7");
  ASSERT_TRUE(result);
  ASSERT_TRUE(WIFEXITED(result->status));
  EXPECT_EQ(WEXITSTATUS(result->status), 7);
  EXPECT_EQ(result->answer, "half\n");
}

TEST(Subprocess, SaysWhichSignalKilledIt) {
  const auto result = shell("kill -KILL $$");
  ASSERT_TRUE(result);
  EXPECT_TRUE(killed(result->status));
  EXPECT_FALSE(result->timed_out);
  EXPECT_EQ(result->answer, "");
}

TEST(Subprocess, ThatDoesNotExistExitsLikeAShells) {
  const auto result = run_subprocess({"/nonexistent/program"}, "request", kLong, kLong);
  ASSERT_TRUE(result);
  ASSERT_TRUE(WIFEXITED(result->status));
  EXPECT_EQ(WEXITSTATUS(result->status), 127);
}

TEST(Subprocess, IsTerminatedAtTheDeadline) {
  const auto result = shell("echo early >&4; exec sleep 1000", "", kSoon);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  ASSERT_TRUE(WIFSIGNALED(result->status));
  EXPECT_EQ(WTERMSIG(result->status), SIGTERM);
  EXPECT_FALSE(has_children());
}

TEST(Subprocess, IsKilledWhenItIgnoresTheDeadline) {
  const auto result = shell("trap '' TERM; exec sleep 1000", "", kSoon, kSoon);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  EXPECT_TRUE(killed(result->status) || (WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGTERM))
      << "SIGTERM only if it came before the trap";
  EXPECT_FALSE(has_children());
}

TEST(Subprocess, IsKilledWhenItLivesOnAfterItsAnswer) {
  const auto result = shell("echo all >&4; exec 4>&-; exec sleep 1000", "", kLong, kSoon);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->answer, "all\n");
  EXPECT_TRUE(killed(result->status));
  EXPECT_FALSE(has_children());
}

/// Stopped processes take no SIGTERM.
TEST(Subprocess, IsKilledAlsoWhenItStopped) {
  const auto result = shell("kill -STOP $$", "", kSoon, kSoon);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  EXPECT_TRUE(WIFSIGNALED(result->status));
  EXPECT_FALSE(has_children());
}

TEST(Subprocess, InheritsNoOtherDescriptor) {
  TempFolder folder;
  const int leaked = ::open((folder.path() + "/open").c_str(), O_RDWR | O_CREAT, 0600);  // without O_CLOEXEC
  ASSERT_GE(leaked, 0);
  const auto result = shell("ls -l /proc/$$/fd >&4; readlink /proc/$$/fd/0 >&4");
  ::close(leaked);
  ASSERT_TRUE(result);
  EXPECT_THAT(result->answer, ::testing::Not(::testing::HasSubstr(folder.path())));
  EXPECT_THAT(result->answer, ::testing::EndsWith("/dev/null\n"));
}

TEST(Subprocess, StartsWithoutBlockedSignals) {
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, &before);
  const auto result = shell("exec sleep 1000", "", kSoon, kLong);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(result);
  ASSERT_TRUE(WIFSIGNALED(result->status));
  EXPECT_EQ(WTERMSIG(result->status), SIGTERM);
}

}  // namespace
}  // namespace treeline::testing
