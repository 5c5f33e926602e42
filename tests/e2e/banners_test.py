"""What stands before the login: the gateway's own banner, the line of a role that tells of the
record, and the target's banner, in this order. The target's is recorded."""

import os
import tempfile
import unittest

import harness

OWN = "You are at the gateway.\n"
TOLD = "This session is recorded.\r\n"
TARGETS = "Authorised use only: \u00e9\u00e8\n\tSecond line.\n"

folder = None
stack = None


def setUpModule():
    global folder, stack
    folder = tempfile.TemporaryDirectory()
    os.chmod(folder.name, 0o755)
    for name, text in (("own", OWN), ("targets", TARGETS)):
        harness.write(f"{folder.name}/{name}", text)
    stack = harness.Stack({"gateway": f'banner = "{folder.name}/own"'})
    stack.add_target("signed", f"Banner {folder.name}/targets\n")


def tearDownModule():
    stack.close_covered()
    folder.cleanup()


def shown(words):
    """Returns what a stock client prints on its standard error."""
    ran = harness.run([*words, "true"])
    if ran.returncode != 0:
        raise AssertionError(ran.stderr)
    return ran.stderr.decode()


class Banners(unittest.TestCase):
    def banners(self):
        session = stack.newest_session()
        stack.wait_closed(session)
        names = [name for name, _, _ in stack.events(session)]
        self.assertLess(names.index("session_open"), names.index("banner"))
        self.assertLess(names.index("banner"), names.index("target_connect"))
        return [fields["text"] for _, _, fields in stack.events(session, "banner")]

    def test_each_banner_is_shown_in_its_order_and_the_targets_is_recorded(self):
        for words in (stack.jump(target="signed"), stack.direct(target="signed")):
            with self.subTest(words=words):
                self.assertEqual(shown(words), OWN + TARGETS)
                self.assertEqual(self.banners(), [TARGETS])

    def test_a_role_tells_that_the_session_is_recorded(self):
        path = f"{stack.dir}/access.toml"
        text = harness.read(path)
        role = '[[role]]\nname = "full"\n'
        self.assertIn(role, text)
        harness.write(path, text.replace(role, role + "tell_recorded = true\n"))
        stack.reload()
        for words in (stack.jump(target="signed"), stack.direct(target="signed")):
            with self.subTest(words=words):
                self.assertEqual(shown(words), OWN + TOLD + TARGETS)
        stack.write_access()
        stack.reload()

    def test_a_reload_reads_the_own_banner_again_and_keeps_it_when_the_file_is_bad(self):
        self.assertEqual(shown(stack.jump()), OWN)
        for text, expected in (("New.\n", "New.\n"), ("x" * 65537, "New.\n"), (OWN, OWN)):
            harness.write(f"{folder.name}/own", text)
            stack.reload()
            self.assertEqual(shown(stack.jump()), expected)

    def test_a_stranger_sees_the_own_banner_and_no_other(self):
        ran = harness.run([*stack.direct(user="stranger", target="signed"), "true"])
        self.assertTrue(ran.stderr.decode().startswith(OWN), ran.stderr)
        self.assertNotIn("Authorised", ran.stderr.decode())


if __name__ == "__main__":
    unittest.main()
