#include "formats/transfer_command.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

TEST(TransferCommandTest, the_server_side_of_a_transfer_is_known_by_its_words) {
  struct Row {
    const char* command;
    const char* program;
  };
  const Row rows[] = {
      {"scp -t /tmp/x", "scp"},
      {"scp -v -r -p -f -- a b", "scp"},
      {"scp a b:", ""},
      {"scp", ""},
      {"rsync --server -vlogDtpre.iLsfxCIvu . /srv", "rsync"},
      {"sudo -n /usr/bin/rsync --server --sender . /srv", "rsync"},
      {"rsync -a a b", ""},
      {"git-upload-pack '/srv/repo.git'", "git"},
      {"git upload-pack '/srv/repo.git'", "git"},
      {"'git-receive-pack' /srv/repo.git", "git"},
      {"GIT_PROTOCOL=version=2 git upload-archive x", "git"},
      {"git log", ""},
      {"git", ""},
      {"git-shell -c x", ""},
      {"/usr/lib/openssh/sftp-server", "sftp"},
      {"exec env A=b \"/usr/lib/sftp-server\" -e", "sftp"},
      {"echo rsync --server", ""},
      {"", ""},
      {"   ", ""},
      {"''", ""},
      {"sudo -n", ""},
      {"\xff\xfe scp -t", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(transfer_program(row.command), row.program) << row.command;
}

}  // namespace
}  // namespace gatetape
