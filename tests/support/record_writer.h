// RecordWriter: a raw gRPC client of one Record stream. The deadline of the stream, 20 s, limits
// every wait. One thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gatetape/record/v1/record.grpc.pb.h"

namespace gatetape {

class RecordWriter {
 public:
  explicit RecordWriter(const std::string& path)
      : RecordWriter(grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(),
                                               own_connection())) {}
  explicit RecordWriter(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(record::v1::RecorderService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_ = stub_->Record(&context_);
  }
  ~RecordWriter() { context_.TryCancel(); }
  bool send(const std::vector<record::v1::Item>& items) {
    record::v1::RecordRequest request;
    for (const record::v1::Item& item : items) *request.add_items() = item;
    return stream_->Write(request);
  }
  // answer waits for the next answer and returns it. It returns an empty answer when the stream
  // ended.
  record::v1::Answer answer() {
    while (answers_.empty()) {
      record::v1::RecordResponse response;
      if (!stream_->Read(&response)) return {};
      if (response.draining()) draining_ = true;
      answers_.insert(answers_.end(), response.answers().begin(), response.answers().end());
    }
    record::v1::Answer answer = answers_.front();
    answers_.pop_front();
    return answer;
  }
  // durable waits until the recorder has answered that the session is durable up to `seq`.
  bool durable(uint64_t seq) {
    while (true) {
      const record::v1::Answer got = answer();
      if (!got.has_durable()) return false;
      if (got.durable().seq() == seq) return true;
    }
  }
  bool wait_draining() {
    record::v1::RecordResponse response;
    while (!draining_ && stream_->Read(&response)) draining_ = response.draining();
    return draining_;
  }
  grpc::Status finish() {
    stream_->WritesDone();
    return status();
  }
  // status waits for the recorder to end the stream, and returns its status.
  grpc::Status status() {
    record::v1::RecordResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }

 private:
  static grpc::ChannelArguments own_connection() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
  }

  std::unique_ptr<record::v1::RecorderService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<record::v1::RecordRequest, record::v1::RecordResponse>>
      stream_;
  std::deque<record::v1::Answer> answers_;
  bool draining_ = false;
};

}  // namespace gatetape
