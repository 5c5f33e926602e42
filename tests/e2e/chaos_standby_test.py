"""A synchronous standby: the primary is killed under load, the standby takes over, and it holds all
that anybody saw."""

import os
import subprocess
import unittest

import chaos_load
import chaos_stack
import harness

STANDBY = "postgres-standby"
ABSENCES = harness.by_tier(quick=1, full=2)


class WithStandby(chaos_stack.ChaosStack):
    """Recorder and auditd know both servers and take the one that may be written."""

    def before_daemons(self):
        os.mkdir(f"{self.dir}/standby_run")
        os.chmod(f"{self.dir}/standby_run", 0o777)
        with open(f"{self.dir}/pg/pg_hba.conf", "a", encoding="ascii") as file:
            file.write("local replication all peer map=gatetape\n")
        for role in ("gatetape_recorder", "gatetape_auditd"):
            self.replace_in_config(
                f"host={self.dir}/run port=5432 dbname=gatetape user={role}",
                f"host={self.dir}/run,{self.dir}/standby_run port=5432 dbname=gatetape "
                f"user={role} target_session_attrs=read-write")

    def on_started(self, name):
        if name == "postgres":
            self.add_standby()

    def add_standby(self):
        data = f"{self.dir}/standby"
        subprocess.run([*self.as_owner(), self.postgres("pg_basebackup"), "-h", f"{self.dir}/run",
                        "-U", "gatetape_owner", "-D", data, "-R", "--checkpoint=fast"],
                       check=True, cwd="/")
        with open(f"{data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"unix_socket_directories = '{self.dir}/standby_run'\n"
                       f"primary_conninfo = 'host={self.dir}/run user=gatetape_owner "
                       "application_name=standby'\n")
        os.remove(f"{data}/postgresql.auto.conf")
        self.daemons[STANDBY] = self.postgres_daemon(data, "standby", self.streams)
        self.daemons[STANDBY].start()
        self.sql("alter system set synchronous_standby_names = 'standby'")
        self.sql("select pg_reload_conf()")
        harness.wait_until(lambda: self.sql("select sync_state from pg_stat_replication")
                           == [["sync"]], "the standby is synchronous")

    def streams(self):
        return self.sql("select count(*) from pg_stat_replication") == [["1"]]

    def promote(self):
        """The standby becomes the primary; from now on sql() asks it."""
        subprocess.run([*self.as_owner(), self.postgres("pg_ctl"), "promote", "-s",
                        "-D", f"{self.dir}/standby"], check=True, cwd="/")
        self.sql_folder = f"{self.dir}/standby_run"


class Standby(chaos_load.UnderLoad):
    def new_stack(self):
        return WithStandby({"gateway": chaos_load.FREEZE})

    def test_what_was_seen_survives_the_loss_of_the_primary(self):
        for number in range(ABSENCES):  # A standby that is away stops everything, by I6.
            with self.goes_on_after(f"a synchronous standby that is away, {number}"):
                with self.stack.daemons[STANDBY].paused():
                    chaos_load.nothing_passes(self.load)
        with self.goes_on_after("the primary is lost, the standby takes over"):
            self.stack.daemons["postgres"].kill()
            chaos_load.nothing_passes(self.load)
            self.stack.promote()
        self.assertTrue(self.stack.works())


if __name__ == "__main__":
    unittest.main()
