#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/process/launch.hpp"

namespace omcp_r::engine {

/// Starts an attaching client and gives its pipes the face of an Attachment.
Result<std::unique_ptr<Attachment>> attach_with(const asio::any_io_executor& executor,
                                                process::Launch launch);

}  // namespace omcp_r::engine
