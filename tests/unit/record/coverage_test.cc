#include "record/coverage.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/bytes.h"
#include "record/coverage_tally.h"

namespace gatetape {
namespace {

std::string ssh_string(std::string_view text) {
  std::string out;
  put_string(&out, text);
  return out;
}

Event request(std::string_view name, bool want_reply, std::string_view data = {}) {
  Event event{{"request", std::string(name)}, {"want_reply", want_reply ? "1" : "0"}};
  return event.add("data", data);
}

Event reply(std::string_view name, bool ok) {
  return {{"request", std::string(name)}, {"ok", ok ? "1" : "0"}};
}

// Session feeds frames and keeps the rows in the order in which they were passed on.
class Session {
 public:
  Session() : coverage_([this](const CoverageRow& row) { keep(row); }) {}

  Session& add(FrameKind kind, uint32_t channel, std::string payload) {
    return add(Frame{++seq_, channel, kind, 0, std::move(payload)});
  }
  Session& add(FrameKind kind, uint32_t channel, const Event& event) {
    return add(kind, channel, event.encode());
  }
  Session& add(const Frame& frame) {
    tally_.add_frame(frame);
    const absl::Status status = coverage_.add(frame);
    EXPECT_TRUE(status.ok()) << status;
    return *this;
  }
  // open adds a channel that the target accepted.
  Session& open(uint32_t channel) {
    add(FrameKind::kChannelOpen, channel, Event{{"type", "session"}});
    return add(FrameKind::kChannelOpenReply, channel, Event{{"ok", "1"}});
  }
  Session& close(uint32_t channel) {
    return add(FrameKind::kCloseOut, channel, "").add(FrameKind::kCloseIn, channel, "");
  }
  absl::Status finish() {
    coverage_.finish();
    return tally_.check(coverage_.late_bytes());
  }
  // row returns the row of a frame.
  const CoverageRow& row(uint64_t seq) const {
    for (const CoverageRow& row : rows_)
      if (row.seq == seq) return row;
    static const CoverageRow kNone;
    ADD_FAILURE() << "no row of frame " << seq;
    return kNone;
  }
  uint64_t seq() const { return seq_; }
  const std::vector<CoverageRow>& rows() const { return rows_; }
  const CoverageTally& tally() const { return tally_; }
  Coverage& coverage() { return coverage_; }

 private:
  void keep(const CoverageRow& row) {
    tally_.add_row(row);
    rows_.push_back(row);
  }

  uint64_t seq_ = 0;
  std::vector<CoverageRow> rows_;
  CoverageTally tally_;
  Coverage coverage_;
};

TEST(CoverageTest, a_request_is_recorded_refused_or_opaque) {
  struct Row {
    const char* name;
    std::string data;
    CoverageState state;
    const char* text;
    const char* reason;
  };
  const Row rows[] = {
      {"shell", "", CoverageState::kRecorded, "", ""},
      {"exec", ssh_string("uptime"), CoverageState::kRecorded, "uptime", ""},
      {"exec", ssh_string("scp -t /x"), CoverageState::kOpaque, "scp -t /x",
       "its bytes are recorded, and gatetape does not decode the protocol of scp"},
      {"subsystem", ssh_string("sftp"), CoverageState::kOpaque, "sftp",
       "its bytes are recorded, and gatetape does not decode the protocol of sftp"},
      {"subsystem", ssh_string("net\x1b"), CoverageState::kOpaque, "net\\x1b",
       "its bytes are recorded, and gatetape does not decode the protocol of net\\x1b"},
      {"env", ssh_string("A") + ssh_string("b"), CoverageState::kRecorded, "A=b", ""},
      {"eow@openssh.com", "", CoverageState::kRecorded, "", ""},
      {"break", "abcd", CoverageState::kOpaque, "",
       "its data is recorded, and gatetape does not decode it"},
      {"exec", "not a string", CoverageState::kOpaque, "",
       "its data is recorded, and gatetape does not decode it"},
  };
  for (const Row& row : rows) {
    Session session;
    session.open(1).add(FrameKind::kRequestIn, 1, request(row.name, false, row.data)).close(1);
    EXPECT_TRUE(session.finish().ok());
    const CoverageRow& got = session.row(3);
    EXPECT_EQ(got.item, CoverageItem::kRequest);
    EXPECT_EQ(got.what, row.name);
    EXPECT_EQ(got.state, row.state) << row.name;
    EXPECT_EQ(got.text, row.text) << row.name;
    EXPECT_EQ(got.reason, row.reason) << row.name;
  }
}

TEST(CoverageTest, what_the_gateway_denied_is_refused_with_its_reason) {
  Session session;
  session.add(FrameKind::kDenied, 0, Event{{"what", "channel"}, {"name", "x11"}, {"reason", "no"}});
  session.add(FrameKind::kDenied, 0,
              Event{{"what", "global_request"}, {"name", "tcpip"}, {"reason", "not here"}});
  session.open(1).add(FrameKind::kDenied, 1,
                      Event{{"what", "request"},
                            {"name", "exec"},
                            {"reason", "your roles do not allow commands here"},
                            {"data", ssh_string("rsync --server . /")},
                            {"side", "user"}});
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(1).item, CoverageItem::kChannel);
  EXPECT_EQ(session.row(1).reason, "no");
  EXPECT_EQ(session.row(2).item, CoverageItem::kGlobalRequest);
  EXPECT_EQ(session.row(5).state, CoverageState::kRefused);
  EXPECT_EQ(session.row(5).text, "rsync --server . /");
  EXPECT_EQ(session.row(5).reason, "your roles do not allow commands here");
  EXPECT_EQ(session.tally().sums(CoverageState::kRefused).rows, 3u);
  EXPECT_EQ(session.tally().channels(), 2u);
  EXPECT_EQ(session.tally().requests(), 2u);
}

TEST(CoverageTest, what_the_target_refused_is_recorded_and_says_so) {
  Session session;
  session.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}});
  session.add(FrameKind::kChannelOpenReply, 1, Event{{"ok", "0"}, {"reason", "full\n"}});
  session.open(2);
  session.add(FrameKind::kRequestIn, 2, request("pty-req", true, "bad"));
  session.add(FrameKind::kRequestIn, 2, request("exec", true, ssh_string("id")));
  session.add(FrameKind::kReplyOut, 2, reply("pty-req", true));
  session.add(FrameKind::kReplyOut, 2, reply("exec", false));
  session.add(FrameKind::kOut, 2, "late");
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(1).state, CoverageState::kRecorded);
  EXPECT_EQ(session.row(1).reason, "the target refused it: full\\x0a");
  EXPECT_EQ(session.row(6).state, CoverageState::kRecorded);
  EXPECT_EQ(session.row(6).reason, "the target refused it");
  EXPECT_EQ(session.row(6).bytes_out, 0u);
  EXPECT_EQ(session.row(3).bytes_out, 4u);  // no program runs, so the channel has them
}

TEST(CoverageTest, bytes_belong_to_the_program_of_their_channel) {
  Session session;
  session.open(1).open(2);
  session.add(FrameKind::kRequestIn, 1, request("exec", true, ssh_string("cat")));
  session.add(FrameKind::kIn, 1, "abc").add(FrameKind::kReplyOut, 1, reply("exec", true));
  session.add(FrameKind::kOut, 1, "abc").add(FrameKind::kErr, 1, "oops");
  session.add(FrameKind::kRequestIn, 2, request("subsystem", false, ssh_string("sftp")));
  session.add(FrameKind::kIn, 2, "12345");
  session.add(FrameKind::kRequestOut, 1, request("exit-status", false, std::string("\0\0\0\1", 4)));
  session.close(1).close(2);
  session.add(FrameKind::kSessionEnd, 0, Event{{"bytes_in", "8"}, {"bytes_out", "7"}});
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(5).bytes_in, 3u);
  EXPECT_EQ(session.row(5).bytes_out, 7u);
  EXPECT_EQ(session.row(10).bytes_in, 5u);
  EXPECT_EQ(session.row(12).by_target, true);
  EXPECT_EQ(session.row(12).text, "1");
  EXPECT_EQ(session.tally().sums(CoverageState::kRecorded).bytes, 10u);
  EXPECT_EQ(session.tally().sums(CoverageState::kOpaque).bytes, 5u);
  EXPECT_TRUE(session.tally().ended());
}

TEST(CoverageTest, an_unanswered_request_says_so_and_is_counted) {
  Session session;
  session.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}});
  session.add(FrameKind::kRequestIn, 1, request("shell", true));
  session.add(FrameKind::kRequestIn, 1, request("window-change", true, std::string(16, '\0')));
  EXPECT_TRUE(session.rows().empty());
  EXPECT_TRUE(session.finish().ok());
  ASSERT_EQ(session.rows().size(), 3u);
  for (const CoverageRow& row : session.rows()) EXPECT_EQ(row.reason, "no answer was recorded");
  EXPECT_FALSE(session.tally().ended());
}

TEST(CoverageTest, a_second_program_of_a_channel_is_a_request_without_bytes) {
  Session session;
  session.open(1).add(FrameKind::kRequestIn, 1, request("shell", false));
  session.add(FrameKind::kRequestIn, 1, request("exec", false, ssh_string("id")));
  session.add(FrameKind::kOut, 1, "x").close(1);
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(3).bytes_out, 1u);
  EXPECT_EQ(session.row(4).bytes_out, 0u);
}

TEST(CoverageTest, a_channel_that_is_over_holds_no_memory) {
  Session session;
  for (uint32_t channel = 1; channel <= 3; channel++) {
    session.open(channel).add(FrameKind::kRequestIn, channel, request("shell", true));
    session.add(FrameKind::kReplyOut, channel, reply("shell", true)).close(channel);
    EXPECT_EQ(session.rows().size(), 2 * channel);
  }
  EXPECT_TRUE(session.finish().ok());
}

TEST(CoverageTest, bytes_for_a_refused_channel_are_counted_and_belong_to_no_row) {
  Session session;
  session.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}});
  session.add(FrameKind::kIn, 1, "early");
  session.add(FrameKind::kChannelOpenReply, 1, Event{{"ok", "0"}});
  session.add(FrameKind::kIn, 1, "late");
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(1).bytes_in, 5u);
  EXPECT_EQ(session.coverage().late_bytes(), 4u);
}

TEST(CoverageTest, absent_content_is_opaque_and_its_bytes_are_counted) {
  Session session;
  session.open(1).add(FrameKind::kRequestIn, 1, request("shell", true));
  session.add(FrameKind::kReplyOut, 1, reply("shell", true));
  Frame hidden{5, 1, FrameKind::kIn, 0, ""};
  hidden.absent = AbsentPayload{.bytes = 7, .commitment = {}};
  session.add(hidden);
  hidden.seq = 6;
  hidden.kind = FrameKind::kRequestIn;
  session.add(hidden);
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(3).state, CoverageState::kOpaque);
  EXPECT_EQ(session.row(3).bytes_in, 7u);
  EXPECT_EQ(session.row(3).reason,
            "7 of its bytes are absent: they were redacted, sealed or erased");
  EXPECT_EQ(session.row(6).state, CoverageState::kOpaque);
  EXPECT_EQ(session.row(6).what, "request_in");
}

TEST(CoverageTest, a_kind_of_a_later_version_is_a_row) {
  Session session;
  session.add(static_cast<FrameKind>(999), 0, Event{{"a", "b"}});
  session.add(FrameKind::kGlobalIn, 0, Event{{"request", "x"}});
  session.open(1).add(FrameKind::kSecretIn, 1, "secret");
  EXPECT_TRUE(session.finish().ok());
  ASSERT_EQ(session.rows().size(), 3u);
  EXPECT_EQ(session.row(3).bytes_in, 6u);
  EXPECT_EQ(session.rows()[0].what, "kind 999");
  EXPECT_EQ(session.rows()[0].item, CoverageItem::kFrame);
  EXPECT_EQ(session.rows()[1].state, CoverageState::kOpaque);
}

TEST(CoverageTest, a_long_command_is_cut) {
  Session session;
  session.open(1).add(FrameKind::kRequestIn, 1,
                      request("exec", false, ssh_string(std::string(9999, 'x'))));
  EXPECT_TRUE(session.finish().ok());
  EXPECT_EQ(session.row(3).text, std::string(kCoverageTextBytesMax, 'x') + "...");
}

TEST(CoverageTest, hostile_rows_have_a_limit) {
  size_t rows = 0;
  Coverage coverage([&](const CoverageRow&) { rows++; });
  const std::string payload = Event{{"type", "session"}}.encode();
  absl::Status status;
  uint32_t channel = 0;
  while (status.ok() && channel < 100'000) {
    channel++;
    status = coverage.add({channel, channel, FrameKind::kChannelOpen, 0, payload});
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(channel, 65'537u);
  coverage.finish();
  EXPECT_EQ(rows, channel);
}

TEST(CoverageTest, a_payload_that_is_no_event_is_named) {
  Coverage coverage([](const CoverageRow&) {});
  const absl::Status status = coverage.add({7, 0, FrameKind::kDenied, 0, "?"});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("frame 7"), absl::string_view::npos);
}

TEST(CoverageTallyTest, what_no_row_accounts_for_is_named) {
  struct Row {
    const char* what;
    std::vector<Frame> frames;
    std::vector<CoverageRow> rows;
  };
  const std::string open = Event{{"type", "session"}}.encode();
  const std::string end = Event{{"bytes_in", "4"}, {"bytes_out", "0"}}.encode();
  CoverageRow of_channel;
  of_channel.item = CoverageItem::kChannel;
  of_channel.bytes_in = 3;
  const Row rows[] = {
      {"there are 1 frames, and the last one has number 2", {{2, 1, FrameKind::kIn, 0, "x"}}, {}},
      {"0 rows for 1 channels and requests", {{1, 1, FrameKind::kChannelOpen, 0, open}}, {}},
      {"0 rows for 1 channels and requests", {{1, 1, static_cast<FrameKind>(999), 0, ""}}, {}},
      {"channels have 0 of 1 stream bytes", {{1, 1, FrameKind::kOut, 0, "x"}}, {}},
      {"the end of the session counts 4 bytes in and 0 out, and its frames hold 3 and 0",
       {{1, 1, FrameKind::kChannelOpen, 0, open},
        {2, 1, FrameKind::kIn, 0, "abc"},
        {3, 0, FrameKind::kSessionEnd, 0, end}},
       {of_channel}},
  };
  for (const Row& row : rows) {
    CoverageTally tally;
    for (const Frame& frame : row.frames) tally.add_frame(frame);
    for (const CoverageRow& one : row.rows) tally.add_row(one);
    const absl::Status status = tally.check(0);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << row.what;
    EXPECT_NE(status.message().find(row.what), absl::string_view::npos) << status;
  }
}

TEST(CoverageTallyTest, bytes_of_a_channel_that_was_never_opened_are_missed) {
  Session session;
  session.add(FrameKind::kIn, 3, "abc");
  EXPECT_EQ(session.finish().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gatetape
