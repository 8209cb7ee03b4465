// TensorFlow's libraries write to the log while they are being loaded, before they have read TF_CPP_MIN_LOG_LEVEL: two
// lines about oneDNN in every process. This runs first (the addon is linked with -z initfirst) and lets the variable hold
// from the beginning.
#include <cstdlib>

#include "absl/log/globals.h"

namespace {

__attribute__((constructor)) void ApplyMinLogLevel() {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level == nullptr || level[0] < '0' || level[0] > '3' || level[1] != '\0') return;
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level[0] - '0'));
}

}  // namespace
