"""No room on PostgreSQL's volume, no room for logs, a volume that cannot be written: sessions
freeze and say why, the warning came before, and everything goes on when there is room again."""

import os
import unittest

import chaos_load
import chaos_stack
import harness
import volumes

DATABASE_MIB, LOG_MIB = 256, 4


class SmallVolumes(chaos_stack.ChaosStack):
    def before_daemons(self):
        volumes.move_to_volume(f"{self.dir}/pg", DATABASE_MIB)
        volumes.move_to_volume(f"{self.dir}/log", LOG_MIB)
        with open(f"{self.dir}/pg/postgresql.conf", "a", encoding="ascii") as file:
            file.write("max_wal_size = 64MB\nmin_wal_size = 32MB\n")

    def after_daemons(self):
        for folder in ("pg", "log"):
            volumes.unmount(f"{self.dir}/{folder}")


class Disk(chaos_load.UnderLoad):
    def new_stack(self):
        return SmallVolumes({"gateway": chaos_load.FREEZE})

    def supervise(self):
        """What `gatetape up` or systemd does: starts a PostgreSQL that ended."""
        postgres = self.stack.daemons["postgres"]
        if postgres.process.poll() is not None:
            print("PostgreSQL had ended", flush=True)
            postgres.start()

    def test_a_full_or_unwritable_volume_freezes_sessions_until_there_is_room(self):
        self.assertTrue(self.logged("recorder", "disk_low"), "no warning while there was room")
        doctor = self.doctor()
        self.assertIn(f"MiB are free for {self.stack.dir}/pg", doctor)
        self.assertIn("make room", doctor)

        with self.goes_on_after("no room for logs"), volumes.full(f"{self.stack.dir}/log"):
            took_s = self.load.seconds_until_typing_passes()
            self.assertTrue(self.stack.works())
            print(f"typing passes without room for logs after {took_s:.2f} s", flush=True)

        with self.goes_on_after("no room for PostgreSQL"):
            with volumes.full(f"{self.stack.dir}/pg"):
                self.frozen_and_refused()
                self.assertTrue(self.logged("recorder", "database_lost"))
            self.supervise()

        with self.goes_on_after("a read-only volume"):
            postgres = self.stack.daemons["postgres"]
            postgres.kill()
            harness.wait_until(self.volume_is_read_only, "the volume is not in use")
            postgres.launch()
            self.frozen_and_refused()
            self.assertNotEqual(postgres.process.wait(harness.WAIT_S), 0)
            volumes.remount(f"{self.stack.dir}/pg", "rw")
            self.supervise()

    def volume_is_read_only(self):
        """A killed PostgreSQL's children keep files open for a moment."""
        folder = f"{self.stack.dir}/pg"
        harness.run(["mount", "-o", "remount,ro", folder])
        return os.statvfs(folder).f_flag & os.ST_RDONLY


if __name__ == "__main__":
    why_not = volumes.enter_namespace()
    if why_not:
        Disk = unittest.skip(why_not)(Disk)
    unittest.main()
