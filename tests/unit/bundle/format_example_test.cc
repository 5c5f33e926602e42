// The worked example of docs/FORMAT.md section 10.8 is what the code makes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/bytes.h"
#include "bundle/archive.h"
#include "bundle/verify.h"
#include "tests/support/bundle_maker.h"
#include "tests/support/fixed_key.h"

namespace gatetape {
namespace {

std::string seed_from(uint8_t first) {
  std::string seed;
  for (uint8_t i = 0; i < 32; i++) seed += static_cast<char>(first + i);
  return seed;
}

// expect_in_format fails unless FORMAT.md holds the text as a block of its own.
void expect_in_format(const std::string& text) {
  std::ifstream file(GATETAPE_TEST_DATA "/../../docs/FORMAT.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(page.find("\n```\n" + text + "```\n"), std::string::npos) << text;
}

BundleSigners example_signers() {
  return {{"gw.gatetape/log", NoteKeyType::kEd25519, fixed_key(seed_from(0x20))},
          {"witness.example/w1", NoteKeyType::kCosignature, fixed_key(seed_from(0x40))},
          SigningKey::generate(),
          fixed_key(seed_from(0))};
}

BundlePlan plan_of_section_7() {
  BundlePlan plan;
  plan.session = *SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");
  plan.commit_key = seed_from(0);
  plan.frames = {{1, 0, FrameKind::kNotice, 0, Event{{"text", "hi"}}.encode()},
                 {2, 1, FrameKind::kIn, 1'500'000'000, "ls\r"}};
  return plan;
}

// example returns the members; the log is that of section 9.9.
BundleText example(const BundleSigners& signers) {
  const BundlePlan plan = plan_of_section_7();
  const SessionHead head = plan.head();
  const HeadsList list =
      HeadsList::from_lines({{plan.session, {2, head.root}, HeadsLine::State::kOpen},
                             {*SessionId::from_text("019c1a2b-0000-7000-8000-000000000001"),
                              {9, merkle_leaf("")},
                              HeadsLine::State::kClose}});
  const std::string entries[] = {
      LogEntry::signed_by(signers.log.key,
                          KeyEntry{KeyEntry::Action::kRegister, "recorder",
                                   signers.recorder.public_key(), 1796000000000000000})
          .to_text(),
      LogEntry::signed_by(signers.recorder, HeadsEntry{std::string(kRunBytes, 'Z'), 1,
                                                       1796000000123456789, 2, list.root()})
          .to_text()};
  BundleText bundle;
  bundle.manifest = {plan.session, plan.version, 1796000002000000000, 2, {}, {}};
  FrameMembers members;
  for (const Frame& frame : plan.frames) members.add(frame, plan.keys(), {});
  MemoryTree tree;
  for (const std::string& entry : entries) tree.append(entry);
  for (uint64_t i : {0U, 1U})
    bundle.members["entries/" + std::to_string(i)] =
        BundleEntry::of(i, entries[i], {tree.leaf(1 - i)}).to_text();
  bundle.members["frames"] = members.frames;
  bundle.members["frame_keys"] = members.keys;
  bundle.members["checkpoint"] = BundleMaker(signers, plan).checkpoint(tree.head());
  bundle.members["lines/open"] = BundleLine{1, 1, list.lines()[1], list.prove(1)}.to_text();
  bundle.members["views/README.txt"] = "A claim.\n";
  return bundle;
}

TEST(BundleFormat, the_worked_example_is_what_the_code_makes) {
  const BundleSigners signers = example_signers();
  const std::string file = example(signers).write();
  uint64_t size = 0;
  ASSERT_TRUE(parse_archive_size(file.substr(0, kArchiveBlockBytes), kManifestName, &size));
  expect_in_format(file.substr(kArchiveBlockBytes, size));
  expect_in_format(to_hex(view(sha256(file))) + "\n");
  const auto report = verify_bundle(TextSource(file), signers.keys());
  ASSERT_TRUE(report.ok());
  std::string verdicts;
  for (const BundleVerdict& verdict : report->verdicts)
    verdicts += verdict.name + " " + judgement_word(verdict.judgement) + "\n";
  expect_in_format(verdicts);
}

}  // namespace
}  // namespace gatetape
