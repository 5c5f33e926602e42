#include "recorder/ingest.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

using Code = record::v1::Refusal;
using Verdict = Ingest::Verdict;

class IngestTest : public testing::Test {
 protected:
  Verdict take(const Frame& frame) { return ingest_.on_frame(frame, view(session_.root())); }
  // A bound session with frames 1 (session_open) and 2.
  void begin() {
    ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
    ASSERT_EQ(take(session_.open()), Verdict::kAccept);
    ASSERT_EQ(take(session_.next(FrameKind::kIn, "ls\r")), Verdict::kAccept);
  }
  Tail tail() const {
    Tail tail;
    tail.last_seq = session_.range().size();
    tail.root = session_.root();
    tail.offset_ns = 5000;
    tail.kind = FrameKind::kIn;
    tail.commit_key = session_.keys().commit_key();
    tail.format_version = static_cast<int16_t>(session_.keys().version());
    return tail;
  }
  void expect_refused(Verdict verdict, record::v1::Refusal::Code code) {
    EXPECT_EQ(verdict, Verdict::kRefuse);
    EXPECT_EQ(ingest_.refusal().code, code) << ingest_.refusal().detail;
    EXPECT_FALSE(ingest_.refusal().detail.empty());
    EXPECT_EQ(take(session_.next(FrameKind::kIn, "more")), Verdict::kIgnore);
  }

  TestSession session_;
  Ingest ingest_;
  const SigningKey key_ = SigningKey::generate();
};

TEST_F(IngestTest, frames_in_order_with_their_roots_are_accepted) {
  begin();
  EXPECT_EQ(ingest_.head().size, 2u);
  EXPECT_EQ(ingest_.head().root, session_.root());
  EXPECT_EQ(take(session_.end()), Verdict::kAccept);
  EXPECT_EQ(ingest_.on_close(session_.close(key_).close()), Verdict::kAccept);
}

TEST_F(IngestTest, a_daemon_that_is_no_gateway_writes_its_own_log_and_no_session) {
  ingest_ = Ingest(Writer::kSystemAlone);
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  EXPECT_EQ(take(session_.next(FrameKind::kStart, Event{{"kind", "system"}}.encode(), 0)),
            Verdict::kAccept);
  EXPECT_EQ(take(session_.next(FrameKind::kQuery, Event{{"method", "ls"}}.encode(), 0)),
            Verdict::kAccept);
  expect_refused(take(session_.next(FrameKind::kIn, "rm -rf /\r")), Code::CODE_MALFORMED);
  session_ = TestSession();
  ingest_ = Ingest(Writer::kSystemAlone);
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  expect_refused(take(session_.open()), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, rows_are_derived_of_events_and_not_of_bytes) {
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  ASSERT_EQ(take(session_.open()), Verdict::kAccept);
  const auto open = ingest_.take_derived();
  ASSERT_TRUE(open != nullptr && open->session.has_value());
  EXPECT_EQ(open->session->user, "alice");
  EXPECT_EQ(open->event.name, "session_open");
  ASSERT_EQ(take(session_.next(FrameKind::kOut, "x")), Verdict::kAccept);
  EXPECT_EQ(ingest_.take_derived(), nullptr);
  ASSERT_EQ(take(session_.end()), Verdict::kAccept);
  EXPECT_EQ(ingest_.take_derived()->session_end->frames, 3u);
}

TEST_F(IngestTest, the_text_of_rows_has_the_form_of_the_sessions_version) {
  for (const auto& [version, text] :
       {std::pair(FormatVersion::k1, "\\x1b"), std::pair(FormatVersion::k2, "\\\\x1b")}) {
    TestSession session(1, version);
    Ingest ingest;
    ASSERT_EQ(ingest.on_bind(session.bind(true).bind()), Verdict::kAccept);
    const Frame open = session.open();
    ASSERT_EQ(ingest.on_frame(open, view(session.root())), Verdict::kAccept);
    const Frame notice = session.next(FrameKind::kNotice, Event{{"text", "\\x1b"}}.encode());
    ASSERT_EQ(ingest.on_frame(notice, view(session.root())), Verdict::kAccept);
    EXPECT_EQ(ingest.take_derived()->event.text, text);
  }
}

TEST_F(IngestTest, a_bind_of_the_wrong_form_is_malformed) {
  record::v1::Bind bind = session_.bind(true).bind();
  bind.set_commit_key("short");
  expect_refused(ingest_.on_bind(bind), Code::CODE_MALFORMED);
  ingest_ = Ingest();
  bind = session_.bind(true).bind();
  bind.set_session_id("short");
  expect_refused(ingest_.on_bind(bind), Code::CODE_MALFORMED);
  ingest_ = Ingest();
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  expect_refused(ingest_.on_bind(session_.bind(true).bind()), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, a_frame_of_no_bound_session_is_a_gap) {
  expect_refused(take(session_.open()), Code::CODE_GAP);
  ingest_ = Ingest();
  ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
  EXPECT_FALSE(ingest_.is_fresh());
  expect_refused(take(session_.next(FrameKind::kIn, "x")), Code::CODE_GAP);
}

TEST_F(IngestTest, a_missing_frame_is_a_gap) {
  begin();
  session_.next(FrameKind::kIn, "lost");
  expect_refused(take(session_.next(FrameKind::kIn, "x")), Code::CODE_GAP);
}

TEST_F(IngestTest, another_root_is_refused) {
  begin();
  const Frame frame = session_.next(FrameKind::kIn, "x");
  expect_refused(ingest_.on_frame(frame, std::string(32, 'r')), Code::CODE_ROOT_MISMATCH);
}

TEST_F(IngestTest, a_changed_payload_does_not_fit_its_root) {
  begin();
  Frame frame = session_.next(FrameKind::kIn, "x");
  frame.payload = "y";
  expect_refused(take(frame), Code::CODE_ROOT_MISMATCH);
}

TEST_F(IngestTest, a_root_of_the_wrong_size_is_refused) {
  begin();
  const Frame frame = session_.next(FrameKind::kIn, "x");
  expect_refused(ingest_.on_frame(frame, view(session_.root()).substr(0, 31)),
                 Code::CODE_ROOT_MISMATCH);
}

TEST_F(IngestTest, malformed_frames_are_refused) {
  struct Row {
    const char* name;
    std::function<Frame(TestSession&)> make;
  };
  const std::vector<Row> rows = {
      {"unknown kind", [](TestSession& s) { return s.next(static_cast<FrameKind>(4), "x"); }},
      {"kind 0", [](TestSession& s) { return s.next(static_cast<FrameKind>(0), "x"); }},
      {"payload over the limit",
       [](TestSession& s) {
         return s.next(FrameKind::kIn, std::string(kPayloadBytesMax + 1, 'x'));
       }},
      {"channel number too large",
       [](TestSession& s) { return s.next(FrameKind::kIn, "x", 1u << 31); }},
      {"no event", [](TestSession& s) { return s.next(FrameKind::kRequestIn, "shell"); }},
      {"second session_open", [](TestSession& s) { return s.open(); }},
      {"second start",
       [](TestSession& s) {
         return s.next(FrameKind::kStart, Event{{"kind", "system"}}.encode());
       }},
      {"request name that no index takes",
       [](TestSession& s) {
         return s.next(FrameKind::kRequestIn, Event{{"request", std::string(513, 'x')}}.encode());
       }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    session_ = TestSession();
    ingest_ = Ingest();
    begin();
    expect_refused(take(row.make(session_)), Code::CODE_MALFORMED);
  }
}

TEST_F(IngestTest, the_largest_payload_is_accepted) {
  begin();
  EXPECT_EQ(take(session_.next(FrameKind::kIn, std::string(kPayloadBytesMax, 'x'))),
            Verdict::kAccept);
}

TEST_F(IngestTest, time_never_goes_back) {
  begin();
  Frame frame = session_.next(FrameKind::kIn, "x");
  frame.offset_ns = 999;  // frame 2 has 1000
  expect_refused(take(frame), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, the_first_frame_opens_a_session_of_a_known_kind) {
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  expect_refused(take(session_.next(FrameKind::kIn, "x")), Code::CODE_MALFORMED);
  for (const char* kind : {"", "system", "other"}) {
    session_ = TestSession();
    ingest_ = Ingest();
    ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
    expect_refused(take(session_.next(FrameKind::kSessionOpen, Event{{"kind", kind}}.encode())),
                   Code::CODE_MALFORMED);
  }
  session_ = TestSession();
  ingest_ = Ingest();
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  EXPECT_EQ(take(session_.next(FrameKind::kStart, Event{{"kind", "system"}}.encode())),
            Verdict::kAccept);
}

TEST_F(IngestTest, nothing_follows_the_end) {
  begin();
  ASSERT_EQ(take(session_.end()), Verdict::kAccept);
  expect_refused(take(session_.next(FrameKind::kIn, "x")), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, the_numbers_of_channels_grow) {
  const std::string type = Event{{"type", "session"}}.encode();
  begin();
  EXPECT_EQ(take(session_.next(FrameKind::kChannelOpen, type, 1)), Verdict::kAccept);
  EXPECT_EQ(take(session_.next(FrameKind::kChannelOpen, type, 7)), Verdict::kAccept);
  expect_refused(take(session_.next(FrameKind::kChannelOpen, type, 7)), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, only_a_bind_that_is_fresh_expects_no_rows) {
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  EXPECT_FALSE(ingest_.is_rebound());
  ingest_ = Ingest();
  ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
  EXPECT_TRUE(ingest_.is_rebound());
}

TEST_F(IngestTest, an_equal_repeat_is_dropped_silently) {
  begin();
  const Frame third = session_.next(FrameKind::kIn, "x");
  const Hash root = session_.root();
  ASSERT_EQ(ingest_.on_frame(third, view(root)), Verdict::kAccept);
  ASSERT_EQ(take(session_.next(FrameKind::kIn, "y")), Verdict::kAccept);
  EXPECT_EQ(ingest_.on_frame(third, view(root)), Verdict::kIgnore);
  EXPECT_EQ(ingest_.head().size, 4u);
  EXPECT_EQ(take(session_.next(FrameKind::kIn, "z")), Verdict::kAccept);
}

TEST_F(IngestTest, a_repeat_with_other_content_is_refused) {
  begin();
  Frame frame = session_.next(FrameKind::kIn, "x");
  ASSERT_EQ(take(frame), Verdict::kAccept);
  frame.payload = "y";
  expect_refused(take(frame), Code::CODE_REPEAT_DIFFERS);
}

TEST_F(IngestTest, a_repeat_with_another_root_is_refused) {
  begin();
  const Frame frame = session_.next(FrameKind::kIn, "x");
  ASSERT_EQ(take(frame), Verdict::kAccept);
  expect_refused(ingest_.on_frame(frame, std::string(32, 'r')), Code::CODE_REPEAT_DIFFERS);
}

TEST_F(IngestTest, a_repeat_that_is_too_old_is_refused) {
  begin();
  const Frame third = session_.next(FrameKind::kIn, "x");
  const Hash root = session_.root();
  ASSERT_EQ(take(third), Verdict::kAccept);
  for (size_t i = 1; i < Ingest::kRepeatsKept; i++)
    ASSERT_EQ(take(session_.next(FrameKind::kIn, "y")), Verdict::kAccept);
  EXPECT_EQ(ingest_.on_frame(third, view(root)), Verdict::kIgnore);
  ASSERT_EQ(take(session_.next(FrameKind::kIn, "y")), Verdict::kAccept);
  expect_refused(ingest_.on_frame(third, view(root)), Code::CODE_REPEAT_DIFFERS);
}

TEST_F(IngestTest, a_session_goes_on_from_what_is_stored) {
  session_.open();
  session_.next(FrameKind::kIn, "x");
  session_.next(FrameKind::kIn, "y");
  ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
  ASSERT_EQ(ingest_.on_tail(tail()), Verdict::kAccept);
  ASSERT_EQ(ingest_.on_resume(session_.resume().resume()), Verdict::kAccept);
  Frame late = session_.next(FrameKind::kIn, "z");
  late.offset_ns = 4999;  // the stored last frame has 5000
  expect_refused(take(late), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, a_session_of_which_nothing_is_stored_begins_with_frame_1) {
  ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
  ASSERT_EQ(ingest_.on_tail(Tail()), Verdict::kAccept);
  ASSERT_EQ(ingest_.on_resume(session_.resume().resume()), Verdict::kAccept);
  EXPECT_EQ(take(session_.open()), Verdict::kAccept);
}

TEST_F(IngestTest, a_resume_that_does_not_fit_is_refused) {
  session_.open();
  session_.next(FrameKind::kIn, "x");
  session_.next(FrameKind::kIn, "y");
  struct Row {
    const char* name;
    std::function<void(record::v1::Resume*)> change;
    record::v1::Refusal::Code code;
  };
  const std::vector<Row> rows = {
      {"other size", [](auto* r) { r->set_size(2); }, Code::CODE_GAP},
      {"peak missing", [](auto* r) { r->mutable_peaks()->RemoveLast(); }, Code::CODE_ROOT_MISMATCH},
      {"peak changed", [](auto* r) { (*r->mutable_peaks(0))[0]++; }, Code::CODE_ROOT_MISMATCH},
      {"peak short", [](auto* r) { r->mutable_peaks(0)->pop_back(); }, Code::CODE_MALFORMED},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ingest_ = Ingest();
    ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
    ASSERT_EQ(ingest_.on_tail(tail()), Verdict::kAccept);
    record::v1::Resume resume = session_.resume().resume();
    row.change(&resume);
    EXPECT_EQ(ingest_.on_resume(resume), Verdict::kRefuse);
    EXPECT_EQ(ingest_.refusal().code, row.code) << ingest_.refusal().detail;
  }
  ingest_ = Ingest();
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  expect_refused(ingest_.on_resume(session_.resume().resume()), Code::CODE_MALFORMED);
}

TEST_F(IngestTest, a_stored_session_that_cannot_go_on_is_refused) {
  session_.open();
  struct Row {
    const char* name;
    std::function<void(Tail*)> change;
    record::v1::Refusal::Code code;
  };
  const std::vector<Row> rows = {
      {"closed", [](Tail* t) { t->has_head = true; }, Code::CODE_CLOSED},
      {"other key", [](Tail* t) { t->commit_key = std::string(32, 'k'); },
       Code::CODE_ROOT_MISMATCH},
      {"other version", [](Tail* t) { t->format_version = 1; }, Code::CODE_ROOT_MISMATCH},
      {"erased key", [](Tail* t) { t->commit_key.clear(); }, Code::CODE_ROOT_MISMATCH},
      {"damaged", [](Tail* t) { t->damage = absl::DataLossError("cut"); },
       Code::CODE_ROOT_MISMATCH},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ingest_ = Ingest();
    ASSERT_EQ(ingest_.on_bind(session_.bind(false).bind()), Verdict::kAccept);
    Tail changed = tail();
    row.change(&changed);
    EXPECT_EQ(ingest_.on_tail(changed), Verdict::kRefuse);
    EXPECT_EQ(ingest_.refusal().code, row.code);
  }
}

TEST_F(IngestTest, a_close_must_be_over_all_frames_and_signed) {
  struct Row {
    const char* name;
    std::function<void(record::v1::Close*)> change;
    record::v1::Refusal::Code code;
  };
  const std::vector<Row> rows = {
      {"size", [](auto* c) { c->set_size(1); }, Code::CODE_ROOT_MISMATCH},
      {"root", [](auto* c) { (*c->mutable_root())[0]++; }, Code::CODE_ROOT_MISMATCH},
      {"signature", [](auto* c) { (*c->mutable_signature())[0]++; }, Code::CODE_ROOT_MISMATCH},
      {"other key", [](auto* c) { c->set_public_key(SigningKey::generate().public_key().raw); },
       Code::CODE_ROOT_MISMATCH},
      {"short signature", [](auto* c) { c->mutable_signature()->pop_back(); },
       Code::CODE_MALFORMED},
      {"no key", [](auto* c) { c->clear_public_key(); }, Code::CODE_MALFORMED},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    session_ = TestSession();
    ingest_ = Ingest();
    begin();
    record::v1::Close close = session_.close(key_).close();
    row.change(&close);
    EXPECT_EQ(ingest_.on_close(close), Verdict::kRefuse);
    EXPECT_EQ(ingest_.refusal().code, row.code) << ingest_.refusal().detail;
  }
  ingest_ = Ingest();
  session_ = TestSession();
  ASSERT_EQ(ingest_.on_bind(session_.bind(true).bind()), Verdict::kAccept);
  EXPECT_EQ(ingest_.on_close(session_.close(key_).close()), Verdict::kRefuse);
}

TEST_F(IngestTest, nothing_follows_a_close) {
  begin();
  ASSERT_EQ(ingest_.on_close(session_.close(key_).close()), Verdict::kAccept);
  expect_refused(take(session_.next(FrameKind::kIn, "x")), Code::CODE_CLOSED);
}

}  // namespace
}  // namespace gatetape::recorder
