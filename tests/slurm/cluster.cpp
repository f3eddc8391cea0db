#include "tests/slurm/cluster.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "tests/cgroup/host.h"

namespace treeline::testing {

namespace {

namespace fs = std::filesystem;

constexpr size_t kNotNodes = 2;  ///< munged and slurmctld come first.
constexpr auto kReady = std::chrono::seconds(60);

std::string host_name() {
  utsname host{};
  ::uname(&host);
  const std::string name = host.nodename;
  return name.substr(0, name.find('.'));
}

/// Ports of loopback that nobody listens on.
std::vector<int> free_ports(int count) {
  std::vector<Fd> held;
  std::vector<int> ports;
  for (int i = 0; i < count; ++i) {
    const int fd = held.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)).get();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) continue;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

/// The parent of each process.
std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string text = read_file(entry.path().string() + "/stat").value_or("");
    const size_t close = text.rfind(')');
    if (close == std::string::npos) continue;
    found[std::atoi(text.c_str())] = std::atoi(text.c_str() + close + 4);
  }
  return found;
}

/// The node on which Slurm started it; "": Slurm did not.
std::string node_of(pid_t pid) {
  const std::string text = '\0' + read_file(fmt::format("/proc/{}/environ", pid)).value_or("");
  const std::string name = std::string(1, '\0') + "SLURMD_NODENAME=";
  const size_t at = text.find(name);
  if (at == std::string::npos) return "";
  return text.substr(at + name.size(), text.find('\0', at + name.size()) - at - name.size());
}

std::string name_of(pid_t pid) {
  const std::string text = read_file(fmt::format("/proc/{}/comm", pid)).value_or("");
  return text.substr(0, text.find('\n'));
}

std::string node_name(int node) { return fmt::format("node{}", node); }

}  // namespace

std::string missing_cluster_programs() {
  std::string missing;
  for (const char* name : {"munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo"}) {
    const bool is_there = exists(std::string("/usr/sbin/") + name) || exists(std::string("/usr/bin/") + name);
    if (!is_there) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  return missing;
}

Result<std::unique_ptr<Cluster>> Cluster::start(const std::string& folder, int nodes) {
  // What daemons leave behind becomes a child of this process, which ends it.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::unique_ptr<Cluster> cluster(new Cluster(folder));
  if (Result<void> written = cluster->write_files(nodes); !written) return tl::unexpected(written.error());
  const std::string munge = folder + "/munge";
  std::vector<std::vector<std::string>> commands{
      {"munged", "--foreground", "--force", "--key-file=" + munge + "/key", "--socket=" + munge + "/socket",
       "--pid-file=" + munge + "/pid", "--log-file=" + munge + "/log", "--seed-file=" + munge + "/seed"},
      {"slurmctld", "-D", "-i", "-f", cluster->config()}};
  for (int node = 0; node < nodes; ++node) {
    commands.push_back({"slurmd", "-D", "-N", node_name(node), "-f", cluster->config()});
  }
  for (const auto& command : commands) {
    if (Result<void> started = cluster->start_daemon(command); !started)
      return tl::unexpected(started.error());
    if (command[0] == "munged" && !poll_until([&] { return exists(munge + "/socket"); })) {
      return fail(ErrorKind::Infrastructure, "start munged", munge + "/socket", ETIMEDOUT);
    }
  }
  if (Result<void> ready = cluster->wait_until_idle(nodes); !ready) return tl::unexpected(ready.error());
  return cluster;
}

Result<void> Cluster::write_files(int nodes) const {
  const std::vector<int> ports = free_ports(nodes + 1);
  if (ports.size() != static_cast<size_t>(nodes + 1)) {
    return fail(ErrorKind::Infrastructure, "find ports of loopback", "");
  }
  for (const char* name : {"munge", "state", "log", "no-cgroups"})
    fs::create_directories(folder_ + "/" + name);
  std::random_device random;
  {
    std::ofstream key(folder_ + "/munge/key", std::ios::binary);
    for (int i = 0; i < 1024; ++i) key.put(static_cast<char>(random()));
  }
  fs::permissions(folder_ + "/munge/key", fs::perms::owner_read | fs::perms::owner_write);
  const std::string host = host_name();
  std::ofstream config(this->config());
  // A node is missed after SlurmdTimeout, and its task begins again once its credential is out of date.
  config << fmt::format(R"(ClusterName=treeline
SlurmctldHost={0}(127.0.0.1)
SlurmctldPort={1}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={2}/munge/socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmdTimeout=10
ReturnToService=0
StateSaveLocation={2}/state
SlurmdSpoolDir={2}/%n
SlurmctldPidFile={2}/slurmctld.pid
SlurmdPidFile={2}/%n.pid
SlurmctldLogFile={2}/log/slurmctld.log
SlurmdLogFile={2}/log/%n.log
)",
                        host, ports[0], folder_);
  for (int node = 0; node < nodes; ++node) {
    fs::create_directories(folder_ + "/" + node_name(node));
    config << fmt::format("NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs=1\n", node_name(node),
                          host, ports[static_cast<size_t>(node) + 1]);
  }
  config << "PartitionName=main Nodes=ALL Default=YES State=UP MaxTime=INFINITE\n";
  std::ofstream(folder_ + "/cgroup.conf")
      << fmt::format("CgroupPlugin=cgroup/v1\nCgroupMountpoint={}/no-cgroups\n", folder_);
  return {};
}

Result<void> Cluster::start_daemon(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.environment = {environment()};
  options.folder = folder_;
  Result<Process> daemon = Process::start(command, options);
  if (!daemon) return tl::unexpected(daemon.error());
  daemons_.push_back(std::move(*daemon));
  return {};
}

Result<void> Cluster::wait_until_idle(int nodes) const {
  const std::string idle = fmt::format("{} idle\n", nodes);
  std::string said;
  const bool is_ready = poll_until(
      [&] {
        const Result<std::string> state = run_tool(
            {"env", environment(), "sinfo", "--noheader", "--format=%D %T"}, std::chrono::seconds(20));
        said = state ? *state : to_string(state.error());
        return said == idle;
      },
      kReady);
  if (is_ready) return {};
  return fail(ErrorKind::Infrastructure, "start the cluster", folder_, ETIMEDOUT, said + "\n" + log());
}

Cluster::~Cluster() {
  for (Process& daemon : daemons_) daemon.kill();
  poll_until([] {
    const std::vector<pid_t> left = descendants();
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    for (const pid_t pid : left) ::waitpid(pid, nullptr, WNOHANG);
    return left.empty();
  });
}

std::optional<int> Cluster::node_that_runs(const std::string& program) const {
  for (const pid_t pid : descendants()) {
    const std::string node = node_of(pid);
    if (name_of(pid) != program || !node.starts_with("node")) continue;
    return std::atoi(node.c_str() + 4);
  }
  return std::nullopt;
}

void Cluster::kill_node(int node) {
  daemons_[kNotNodes + static_cast<size_t>(node)].kill();
  // What a task starts while it is looked for is found in the next round.
  poll_until([&] {
    const std::map<pid_t, pid_t> parent_of = parents();
    std::set<pid_t> doomed;
    for (const pid_t pid : descendants()) {
      if (node_of(pid) != node_name(node)) continue;
      doomed.insert(pid);
      const auto parent = parent_of.find(pid);
      if (parent != parent_of.end() && name_of(parent->second) == "slurmstepd") doomed.insert(parent->second);
    }
    for (const pid_t pid : doomed) ::kill(pid, SIGKILL);
    for (const pid_t pid : doomed) ::waitpid(pid, nullptr, WNOHANG);
    return doomed.empty();
  });
}

std::string Cluster::log() const { return read_file(folder_ + "/log/slurmctld.log").value_or(""); }

std::vector<pid_t> Cluster::descendants() {
  const std::map<pid_t, pid_t> parent_of = parents();
  std::vector<pid_t> found;
  for (const auto& [pid, parent] : parent_of) {
    pid_t above = parent;
    while (above != ::getpid() && parent_of.contains(above)) above = parent_of.at(above);
    if (above == ::getpid()) found.push_back(pid);
  }
  return found;
}

}  // namespace treeline::testing
