// Conversions between this project's values and gRPC's. Pure; any thread.
#pragma once

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace gatetape {

// to_grpc returns the status with the same code and message.
inline grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())};
}

// grpc_deadline returns the time `duration` from now by the monotonic clock, so that a change of
// the wall clock does not move it.
inline gpr_timespec grpc_deadline(std::chrono::milliseconds duration) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(duration.count(), GPR_TIMESPAN));
}

}  // namespace gatetape
