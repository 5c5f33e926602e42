#include "base/os/confine.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace gatetape {
namespace {

// What @system-service of systemd does not hold (systemd.exec(5)): @clock, @cpu-emulation, @debug,
// @module, @mount, @obsolete, @raw-io, @reboot, @swap, and of @privileged what changes the machine.
// A name that this architecture does not have is skipped.
constexpr const char* kRefused[] = {
    // @clock
    "adjtimex", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64",
    "settimeofday", "stime",
    // @cpu-emulation
    "modify_ldt", "subpage_prot", "switch_endian", "vm86", "vm86old",
#if !defined(__SANITIZE_ADDRESS__)
    // @debug. LeakSanitizer calls ptrace at the end of a process.
    "ptrace",
#endif
    "lookup_dcookie", "perf_event_open", "pidfd_getfd", "rtas", "s390_runtime_instr",
    "sys_debug_setcontext",
    // @module
    "delete_module", "finit_module", "init_module",
    // @mount
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount",
    "open_tree", "pivot_root", "umount", "umount2",
    // @obsolete
    "_sysctl", "afs_syscall", "bdflush", "break", "create_module", "ftime", "get_kernel_syms",
    "getpmsg", "gtty", "idle", "lock", "mpx", "prof", "profil", "putpmsg", "query_module",
    "security", "sgetmask", "ssetmask", "stty", "sysfs", "tuxcall", "ulimit", "uselib", "ustat",
    "vserver",
    // @raw-io
    "ioperm", "iopl", "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "s390_pci_mmio_read",
    "s390_pci_mmio_write",
    // @reboot
    "kexec_file_load", "kexec_load", "reboot",
    // @swap
    "swapoff", "swapon",
    // of @privileged and others
    "acct", "bpf", "fanotify_init", "fanotify_mark", "nfsservctl", "open_by_handle_at", "quotactl",
    "quotactl_fd", "setdomainname", "sethostname", "syslog", "vhangup"};

absl::Status failed(const std::string& what, int error) {
  return absl::InternalError("cannot " + what + ": " + std::strerror(error));
}

absl::Status refuse_system_calls() {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ALLOW),
                                                                 seccomp_release);
  if (!filter) return failed("make a filter of system calls", ENOMEM);
  for (const char* name : kRefused) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0) continue;
    const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0);
    if (error != 0) return failed(std::string("refuse ") + name, -error);
  }
  const int error = seccomp_load(filter.get());
  return error == 0 ? absl::OkStatus() : failed("load the filter of system calls", -error);
}

}  // namespace

absl::Status forbid_core_dumps() {
  const rlimit none = {0, 0};
  return setrlimit(RLIMIT_CORE, &none) == 0 ? absl::OkStatus() : failed("forbid core dumps", errno);
}

absl::Status confine() {
  if (absl::Status status = forbid_core_dumps(); !status.ok()) return status;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("set PR_SET_DUMPABLE", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("set no_new_privs", errno);
  return refuse_system_calls();
}

}  // namespace gatetape
