#pragma once

#include <string_view>

#include "lab/mailbox.h"
#include "model/error.h"

namespace treeline::guest {

/// Finds the host's mailbox on the PCI bus and maps it for good. Unavailable where there is none.
Result<Mailbox*> map_mailbox();

/// Puts a text into the mailbox, then sets the state. What does not fit is replaced by an error's text.
void post(Mailbox& mailbox, Mailbox::State state, std::string_view text);

/// Waits for the host's request and gives its text. The clones of a snapshot all wake up here.
std::string_view wait_for_request(Mailbox& mailbox);

}  // namespace treeline::guest
