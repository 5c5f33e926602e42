#include "log/add_checkpoint.h"

#include <gtest/gtest.h>

#include <string>

#include "log/checkpoint.h"
#include "log/fields.h"
#include "log/proof.h"

namespace gatetape {
namespace {

// The example of C2SP tlog-witness.
constexpr char kExample[] =
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz"
    "Gku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEj"
    "w6QUXTS5Rovnzv++qbSzm9Q=\n";

TEST(AddCheckpoint, the_example_of_c2sp_is_read_and_written) {
  const auto request = AddCheckpoint::parse(kExample);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->old_size, 20852014U);
  EXPECT_EQ(request->proof.size(), 4U);
  const auto note = SignedNote::parse(request->checkpoint);
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->signatures.size(), 2U);
  EXPECT_EQ(Checkpoint::parse(note->text)->tree.size, 20852163U);
  EXPECT_EQ(request->to_text(), kExample);
}

TEST(AddCheckpoint, the_longest_proof_and_the_longest_body_are_read) {
  AddCheckpoint request{7, std::vector<Hash>(kProofHashesMax, merkle_leaf("x")), ""};
  EXPECT_EQ(AddCheckpoint::parse(request.to_text())->proof, request.proof);
  request.checkpoint.resize(kAddCheckpointBytesMax - request.to_text().size(), 'x');
  EXPECT_TRUE(AddCheckpoint::parse(request.to_text()).ok());
  request.checkpoint += 'x';
  EXPECT_FALSE(AddCheckpoint::parse(request.to_text()).ok());
}

}  // namespace
}  // namespace gatetape
