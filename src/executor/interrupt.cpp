#include "executor/interrupt.h"

#include <signal.h>
#include <sys/prctl.h>

namespace treeline {

namespace {

volatile sig_atomic_t was_interrupted = 0;

void note(int) { was_interrupted = 1; }

}  // namespace

void watch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // Children of killed workers come here and are reaped, so that their pids charge goes away.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

bool interrupted() { return was_interrupted != 0; }

}  // namespace treeline
