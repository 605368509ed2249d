// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { outline } from "../protobuf/outline_testing.ts";
import { MetricsV1 } from "./messages_v1.ts";
import { MetricsV2 } from "./messages_v2.ts";

const V1 = [
  "hugetlb 1+ {usage 1, max 2, failcnt 3, pagesize 4 string}, pids 2 {current 1, limit 2},",
  "cpu 3 {usage 1 {total 1, kernel 2, user 3, per_cpu 4+}, throttling 2 {periods 1,",
  "throttled_periods 2, throttled_time 3}}, memory 4 {cache 1, rss 2, rss_huge 3, mapped_file",
  "4, dirty 5, writeback 6, pgpgin 7, pgpgout 8, pgfault 9, pgmajfault 10, inactive_anon 11,",
  "active_anon 12, inactive_file 13, active_file 14, unevictable 15,",
  "hierarchical_memory_limit 16, hierarchical_memsw_limit 17, total_cache 18, total_rss 19,",
  "total_rss_huge 20, total_mapped_file 21, total_dirty 22, total_writeback 23, total_pgpgin",
  "24, total_pgpgout 25, total_pgfault 26, total_pgmajfault 27, total_inactive_anon 28,",
  "total_active_anon 29, total_inactive_file 30, total_active_file 31, total_unevictable 32,",
  "usage 33 {limit 1, usage 2, max 3, failcnt 4}, swap 34 {limit 1, usage 2, max 3, failcnt",
  "4}, kernel 35 {limit 1, usage 2, max 3, failcnt 4}, kernel_tcp 36 {limit 1, usage 2, max",
  "3, failcnt 4}}, blkio 5 {io_service_bytes_recursive 1+ {op 1 string, device 2 string,",
  "major 3, minor 4, value 5}, io_serviced_recursive 2+ {op 1 string, device 2 string, major",
  "3, minor 4, value 5}}, memory_oom_control 9 {oom_kill_disable 1, under_oom 2, oom_kill 3}",
].join(" ");

const V2 = [
  "pids 1 {current 1, limit 2}, cpu 2 {usage_usec 1, user_usec 2, system_usec 3, nr_periods",
  "4, nr_throttled 5, throttled_usec 6, psi 7 {some 1 {avg10 1 double, avg60 2 double, avg300",
  "3 double, total 4}, full 2 {avg10 1 double, avg60 2 double, avg300 3 double, total 4}},",
  "nr_bursts 8, burst_usec 9}, memory 4 {anon 1, file 2, kernel_stack 3, slab 4, sock 5,",
  "shmem 6, file_mapped 7, file_dirty 8, file_writeback 9, anon_thp 10, inactive_anon 11,",
  "active_anon 12, inactive_file 13, active_file 14, unevictable 15, slab_reclaimable 16,",
  "slab_unreclaimable 17, pgfault 18, pgmajfault 19, workingset_refault 20,",
  "workingset_activate 21, workingset_nodereclaim 22, pgrefill 23, pgscan 24, pgsteal 25,",
  "pgactivate 26, pgdeactivate 27, pglazyfree 28, pglazyfreed 29, thp_fault_alloc 30,",
  "thp_collapse_alloc 31, usage 32, usage_limit 33, swap_usage 34, swap_limit 35, max_usage",
  "36, swap_max_usage 37, psi 38 {some 1 {avg10 1 double, avg60 2 double, avg300 3 double,",
  "total 4}, full 2 {avg10 1 double, avg60 2 double, avg300 3 double, total 4}}}, rdma 5",
  "{current 1+ {device 1 string, hca_handles 2 uint32, hca_objects 3 uint32}, limit 2+ {device",
  "1 string, hca_handles 2 uint32, hca_objects 3 uint32}}, io 6 {usage",
  "1+ {major 1, minor 2, rbytes 3, wbytes 4, rios 5, wios 6}, psi 2 {some 1 {avg10 1 double,",
  "avg60 2 double, avg300 3 double, total 4}, full 2 {avg10 1 double, avg60 2 double, avg300",
  "3 double, total 4}}}, hugetlb 7+ {current 1, max 2, pagesize 3 string, failcnt 4},",
  "memory_events 8 {low 1, high 2, max 3, oom 4, oom_kill 5, oom_group_kill 6}",
].join(" ");

// What encodes and decodes by one table would agree on any number: these are containerd's.
Deno.test("MetricsV1: fields have the numbers of io.containerd.cgroups.v1.Metrics", () => {
  assert.equal(outline(MetricsV1), V1);
});

Deno.test("MetricsV2: fields have the numbers of io.containerd.cgroups.v2.Metrics", () => {
  assert.equal(outline(MetricsV2), V2);
});
