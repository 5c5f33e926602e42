"""A full state folder, a full volume of PostgreSQL or of logs, a read-only volume. Sessions go on,
or freeze with a reason; the warning came before; and all go on when there is room."""

import os
import unittest

import chaos_load
import harness
import runners
import volumes

# PostgreSQL's files are moved through the first volume.
STATE_MIB, DATABASE_MIB, LOG_MIB = 192, 256, 4
METRICS = harness.free_port()
MIB = 1 << 20
FULL_BYTES_MAX = 2 << 20  # PostgreSQL may remove a file meanwhile.


class SmallVolumes(runners.Separate):
    def before_daemons(self):
        folder = self.stack.dir
        volumes.move_to_volume(folder, STATE_MIB)
        volumes.move_to_volume(f"{folder}/pg", DATABASE_MIB)
        volumes.move_to_volume(f"{folder}/log", LOG_MIB)
        with open(f"{folder}/pg/postgresql.conf", "a", encoding="ascii") as file:
            file.write("max_wal_size = 64MB\nmin_wal_size = 32MB\n")

    def after_daemons(self):
        for folder in (f"{self.stack.dir}/pg", f"{self.stack.dir}/log", self.stack.dir):
            volumes.unmount(folder)


class Disk(chaos_load.UnderLoad):
    def new_stack(self):
        return harness.Stack({"gateway": chaos_load.FREEZE,
                              "recorder": f'metrics_listen = "127.0.0.1:{METRICS}"'},
                             SmallVolumes())

    def supervise(self):
        """Starts a PostgreSQL that ended, as `gatetape up` or systemd does."""
        postgres = self.stack.daemons["postgres"]
        if postgres.process.poll() is not None:
            print("PostgreSQL had ended", flush=True)
            postgres.start()

    def free_bytes(self, folder):
        """Returns the metric of free space."""
        return harness.metric(METRICS, f'gatetape_disk_free_bytes{{path="{folder}"}}')

    def test_a_full_or_unwritable_volume_harms_sessions_only_until_there_is_room(self):
        self.in_turn(self.the_warning_comes_while_there_is_room,
                     self.without_room_in_the_state_folder_sessions_go_on,
                     self.without_room_for_logs_sessions_go_on,
                     self.without_room_for_postgresql_sessions_freeze,
                     self.on_a_read_only_volume_sessions_freeze)

    def the_warning_comes_while_there_is_room(self):
        self.assertTrue(self.logged("recorder", "disk_low"), "no warning while there was room")
        doctor = self.doctor()
        for folder in (self.stack.dir, f"{self.stack.dir}/pg"):
            self.assertIn(f"MiB are free for {folder}", doctor)
            told, volume = self.free_bytes(folder), os.statvfs(folder)
            print(f"{folder}: the metric tells {told / MIB:.1f} MiB", flush=True)
            self.assertGreater(told, FULL_BYTES_MAX)
            self.assertLess(abs(told - volume.f_bavail * volume.f_frsize), 64 * MIB)
        self.assertIn("free some space", doctor)

    def without_room_in_the_state_folder_sessions_go_on(self):
        with self.goes_on_after("no room in the state folder"), volumes.full(self.stack.dir):
            self.assertLess(self.free_bytes(self.stack.dir), FULL_BYTES_MAX)
            self.load.seconds_until_typing_passes()
            self.stack.reload()
            self.stack.restart("gatetape-recorder")
            self.load.seconds_until_typing_passes()
            self.assertTrue(self.stack.works())

    def without_room_for_logs_sessions_go_on(self):
        with self.goes_on_after("no room for logs"), volumes.full(f"{self.stack.dir}/log"):
            took_s = self.load.seconds_until_typing_passes()
            self.assertTrue(self.stack.works())
            print(f"typing passes without room for logs after {took_s:.2f} s", flush=True)

    def without_room_for_postgresql_sessions_freeze(self):
        folder = f"{self.stack.dir}/pg"
        with self.goes_on_after("no room for PostgreSQL"):
            with volumes.full(folder):
                self.frozen_and_refused()
                self.assertTrue(self.logged("recorder", "database_lost"))
                self.assertLess(self.free_bytes(folder), FULL_BYTES_MAX)
            self.assertGreater(self.free_bytes(folder), FULL_BYTES_MAX)
            self.supervise()

    def on_a_read_only_volume_sessions_freeze(self):
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
        """Returns whether the volume could be made read-only. The children of a killed PostgreSQL
        keep files open for a short time."""
        folder = f"{self.stack.dir}/pg"
        harness.run(["mount", "-o", "remount,ro", folder])
        return os.statvfs(folder).f_flag & os.ST_RDONLY


if __name__ == "__main__":
    why_not = volumes.enter_namespace()
    if why_not:
        Disk = unittest.skip(why_not)(Disk)
    unittest.main()
