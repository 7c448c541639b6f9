// SPDX-License-Identifier: Apache-2.0
#include "core/machine_memory.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

constexpr int64_t mib = int64_t{1} << 20;

class Machine : public ::testing::Test {
 protected:
  Machine() {
    folder.write("proc/meminfo",
                 "MemTotal:       4194304 kB\nMemFree:        1048576 kB\n"
                 "MemAvailable:   2097152 kB\nHugePages_Total:       0\n");
  }
  void expect(int64_t total, int64_t available) const {
    const MachineMemory memory = machine_memory(folder.path());
    EXPECT_EQ(memory.total_bytes, total);
    EXPECT_EQ(memory.available_bytes, available);
  }
  testing::TemporaryFolder folder;
};

TEST_F(Machine, WithoutGroupsIsWhatTheKernelSays) { expect(4096 * mib, 2048 * mib); }

TEST_F(Machine, ALimitOfItsGroupBindsLessWhatCanBeReclaimed) {
  folder.write("proc/self/cgroup", "0::/kube/pod\n");
  folder.write("sys/fs/cgroup/kube/pod/memory.max", "1073741824\n");
  folder.write("sys/fs/cgroup/kube/pod/memory.current", "536870912\n");
  folder.write("sys/fs/cgroup/kube/pod/memory.stat", "anon 1\ninactive_file 104857600\n");
  expect(1024 * mib, 612 * mib);
}

TEST_F(Machine, ALimitOfAGroupAboveBindsAndMaxDoesNot) {
  folder.write("proc/self/cgroup", "0::/kube/pod\n");
  folder.write("sys/fs/cgroup/kube/pod/memory.max", "max\n");
  folder.write("sys/fs/cgroup/kube/memory.max", "3221225472\n");
  folder.write("sys/fs/cgroup/kube/memory.current", "0\n");
  expect(3072 * mib, 2048 * mib);
}

TEST_F(Machine, AContainerSeesItsOwnGroupAtTheRoot) {
  folder.write("proc/self/cgroup", "0::/docker/0123\n");
  folder.write("sys/fs/cgroup/memory.max", "268435456\n");
  expect(256 * mib, 256 * mib);
}

TEST_F(Machine, TheFirstVersionOfGroupsIsRead) {
  folder.write("proc/self/cgroup", "5:cpu,memory:/x\n0::/\n");
  folder.write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "268435456\n");
  folder.write("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "134217728\n");
  expect(256 * mib, 128 * mib);
}

}  // namespace
}  // namespace deepseek
