"""The primary is killed under load, and its synchronous standby takes over. The standby holds
everything that a user or a target has seen."""

import os
import shutil
import subprocess
import unittest

import chaos_load
import harness
import runners

STANDBY = "postgres-standby"
ABSENCES = harness.by_tier(quick=1, full=2)


class WithStandby(runners.Separate):
    """Recorder and auditd know both servers and use the one that accepts writes."""

    def before_daemons(self):
        os.mkdir(f"{self.stack.dir}/standby_run")
        os.chmod(f"{self.stack.dir}/standby_run", 0o777)
        with open(f"{self.stack.dir}/pg/pg_hba.conf", "a", encoding="ascii") as file:
            file.write("local replication all peer map=gatetape\n")
        for role in ("gatetape_recorder", "gatetape_auditd"):
            self.stack.replace_in_config(
                f"host={self.stack.dir}/run/db port=5432 dbname=gatetape user={role}",
                f"host={self.stack.dir}/run/db,{self.stack.dir}/standby_run port=5432 "
                f"dbname=gatetape user={role} target_session_attrs=read-write")

    def on_started(self, name):
        if name == "postgres":
            self.add_standby()

    def add_standby(self):
        data = f"{self.stack.dir}/standby"
        os.mkdir(data, 0o700)
        if os.getuid() == 0:
            shutil.chown(data, self.stack.account("postgres"), runners.GROUP)
        subprocess.run([*self.stack.as_owner(), self.postgres("pg_basebackup"),
                        "-h", f"{self.stack.dir}/run/db", "-U", "gatetape_owner", "-D", data, "-R",
                        "--checkpoint=fast"], check=True, cwd="/")
        with open(f"{data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"unix_socket_directories = '{self.stack.dir}/standby_run'\n"
                       f"primary_conninfo = 'host={self.stack.dir}/run/db user=gatetape_owner "
                       "application_name=standby'\n")
        os.remove(f"{data}/postgresql.auto.conf")
        self.daemons[STANDBY] = self.postgres_daemon(data, "standby", self.streams)
        self.daemons[STANDBY].start()
        self.stack.sql("alter system set synchronous_standby_names = 'standby'")
        self.stack.sql("select pg_reload_conf()")
        harness.wait_until(lambda: self.stack.sql("select sync_state from pg_stat_replication")
                           == [["sync"]], "the standby is synchronous")

    def streams(self):
        return self.stack.sql("select count(*) from pg_stat_replication") == [["1"]]

    def promote(self):
        """Makes the standby the primary; from then on sql() asks it."""
        subprocess.run([*self.stack.as_owner(), self.postgres("pg_ctl"), "promote", "-s",
                        "-D", f"{self.stack.dir}/standby"], check=True, cwd="/")
        self.stack.sql_folder = f"{self.stack.dir}/standby_run"


class Standby(chaos_load.UnderLoad):
    def new_stack(self):
        return harness.Stack({"gateway": chaos_load.FREEZE}, WithStandby())

    def test_what_was_seen_survives_the_loss_of_the_primary(self):
        line = "warn  synchronous_commit of [recorder] is local, and PostgreSQL has a synchronous"
        self.assertNotIn(line, self.doctor())
        self.stack.add_settings({"recorder": 'synchronous_commit = "local"'})
        self.assertIn(line, self.doctor())
        self.stack.replace_in_config('synchronous_commit = "local"\n', "")
        for number in range(ABSENCES):  # A standby that is away stops everything, by I6.
            with self.goes_on_after(f"a synchronous standby that is away, {number}"):
                with self.stack.daemons[STANDBY].paused():
                    chaos_load.nothing_passes(self.load)
        with self.goes_on_after("the primary is lost, the standby takes over"):
            self.stack.daemons["postgres"].kill()
            chaos_load.nothing_passes(self.load)
            self.stack.runner.promote()
        self.assertTrue(self.stack.works())


if __name__ == "__main__":
    unittest.main()
