"""Small file systems for tests, in a mount namespace of the test. They vanish when it ends."""

import contextlib
import os
import shutil
import subprocess
import sys

import harness

MARK = "GATETAPE_TEST_MOUNTS"


def enter_namespace():
    """Runs this program again in a mount namespace of its own. Returns why that is impossible, or
    "" when it is done."""
    if os.environ.get(MARK):
        return ""
    if os.getuid() != 0:
        return "only root may mount a small volume"
    if harness.run(["unshare", "--mount", "true"]).returncode != 0:
        return "this machine does not permit mounts"
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B",
                          *sys.argv])
    return None


def move_to_volume(folder, size_mib):
    """Moves a folder with its content to a file system of that size."""
    status = os.stat(folder)
    old = folder + ".old"
    os.rename(folder, old)
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", folder], check=True)
    subprocess.run(["cp", "-a", f"{old}/.", folder], check=True)
    os.chown(folder, status.st_uid, status.st_gid)
    os.chmod(folder, status.st_mode & 0o7777)
    shutil.rmtree(old)


def remount(folder, option):
    """Mounts the file system of a folder again; `option` is ro or rw."""
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


def unmount(folder):
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(folder):
    """Fills the file system of a folder for the block, so that no byte is free."""
    ballast = f"{folder}/ballast"
    with open(ballast, "wb", buffering=0) as file:
        for block in (bytes(1 << 20), bytes(4096)):
            with contextlib.suppress(OSError):
                while file.write(block):
                    pass
    try:
        yield
    finally:
        os.remove(ballast)
