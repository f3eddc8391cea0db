#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace treeline {

/// Evaluates inputs, several at once, and gives the results in the order of the inputs, so that whoever takes
/// them sees what a loop over one after another would have seen. Later inputs are evaluated on speculation:
/// destroyed, it waits for those that have begun and drops their results.
template <typename Input, typename Output>
class InOrder {
 public:
  /// The next input, or none for now; it is given the lane, 0 to lanes-1, in which the input is evaluated.
  using Next = std::function<std::optional<Input>(int lane)>;
  /// Called in other threads, but for one lane in the caller's own.
  using Evaluate = std::function<Output(const Input&)>;

  InOrder(int lanes, Next next, Evaluate evaluate)
      : next_(std::move(next)), evaluate_(std::move(evaluate)), is_busy_(static_cast<size_t>(lanes)) {}
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  /// The first input that was not taken yet, and its output. None if there is none in flight and no next one.
  std::optional<std::pair<Input, Output>> take() {
    std::unique_lock lock(mutex_);
    while (jobs_.empty() || !jobs_.front().done) {
      const size_t lane = free_lane();
      if (lane == is_busy_.size() || jobs_.size() >= kAhead * is_busy_.size()) {
        ended_.wait(lock);
        continue;
      }
      lock.unlock();
      std::optional<Input> input = next_(static_cast<int>(lane));
      if (input) {
        start(std::move(*input), lane);
      } else if (jobs_.empty()) {
        return std::nullopt;
      }
      lock.lock();
      if (!input && !jobs_.front().done) ended_.wait(lock);
    }
    std::pair<Input, Output> result{std::move(jobs_.front().input), jobs_.front().output.get()};
    jobs_.pop_front();
    return result;
  }

 private:
  /// So many inputs for each lane are begun at most while the first of them goes on.
  static constexpr size_t kAhead = 4;

  struct Job {
    Input input;
    bool done = false;
    std::future<Output> output;
  };

  /// Also where it is left by an exception, which take() then throws.
  struct Ending {
    InOrder& all;
    Job& job;
    size_t lane;
    ~Ending() {
      const std::lock_guard guard(all.mutex_);
      job.done = true;
      all.is_busy_[lane] = false;
      all.ended_.notify_one();
    }
  };

  size_t free_lane() const {
    size_t lane = 0;
    while (lane < is_busy_.size() && is_busy_[lane]) ++lane;
    return lane;
  }

  void start(Input input, size_t lane) {
    Job& job = jobs_.emplace_back(Job{std::move(input), false, {}});
    is_busy_[lane] = true;
    const auto work = [this, &job, lane] {
      const Ending ending{*this, job, lane};
      return evaluate_(job.input);
    };
    if (is_busy_.size() > 1) {
      job.output = std::async(std::launch::async, work);
      return;
    }
    std::packaged_task<Output()> here(work);
    job.output = here.get_future();
    here();
  }

  Next next_;
  Evaluate evaluate_;
  std::mutex mutex_;  ///< Of Job::done and is_busy_.
  std::condition_variable ended_;
  std::vector<bool> is_busy_;
  std::deque<Job> jobs_;  ///< Last: its futures wait for threads that use the others.
};

}  // namespace treeline
