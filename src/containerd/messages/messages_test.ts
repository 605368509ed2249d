// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { MessageType } from "../protobuf/fields.ts";
import { outline } from "../protobuf/outline_testing.ts";
import * as ttrpc from "../ttrpc/messages.ts";
import * as bootstrap from "./bootstrap.ts";
import * as events from "./events.ts";
import * as options from "./options.ts";
import * as task from "./task.ts";
import * as types from "./types.ts";

const ANY = "{type_url 1 string, value 2 bytes}";
const TIMESTAMP = "{seconds 1 int64, nanos 2 int32}";
const MOUNT = "{type 1 string, source 2 string, target 3 string, options 4+ string}";

/** Returns the outlines of the messages that a module exports. */
function outlines(module: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(module).flatMap(([name, value]): [string, string][] =>
      isMessage(value) ? [[name, `{${outline(value)}}`]] : []
    ),
  );
}

function isMessage(value: unknown): value is MessageType {
  return typeof value === "object" && value !== null && "fields" in value && "byNumber" in value;
}

// What encodes and decodes by one table would agree on any number: these are containerd's.

Deno.test("messages: those of the Task service have containerd's numbers", () => {
  assert.deepEqual(outlines(task), {
    ProcessRequest: "{id 1 string, exec_id 2 string}",
    ContainerRequest: "{id 1 string}",
    StateResponse: "{id 1 string, bundle 2 string, pid 3 uint32, status 4 int32, stdin 5 string, " +
      "stdout 6 string, stderr 7 string, terminal 8 bool, exit_status 9 uint32, " +
      `exited_at 10 ${TIMESTAMP}, exec_id 11 string}`,
    CreateRequest: `{id 1 string, bundle 2 string, rootfs 3+ ${MOUNT}, terminal 4 bool, ` +
      "stdin 5 string, stdout 6 string, stderr 7 string, checkpoint 8 string, " +
      `parent_checkpoint 9 string, options 10 ${ANY}}`,
    PidResponse: "{pid 1 uint32}",
    DeleteResponse: `{pid 1 uint32, exit_status 2 uint32, exited_at 3 ${TIMESTAMP}}`,
    PidsResponse: `{processes 1+ {pid 1 uint32, info 2 ${ANY}}}`,
    CheckpointTaskRequest: `{id 1 string, path 2 string, options 3 ${ANY}}`,
    KillRequest: "{id 1 string, exec_id 2 string, signal 3 uint32, all 4 bool}",
    ExecProcessRequest: "{id 1 string, exec_id 2 string, terminal 3 bool, stdin 4 string, " +
      `stdout 5 string, stderr 6 string, spec 7 ${ANY}}`,
    ResizeRequest: "{id 1 string, exec_id 2 string, width 3 uint32, height 4 uint32}",
    CloseIoRequest: "{id 1 string, exec_id 2 string, stdin 3 bool}",
    UpdateRequest: `{id 1 string, resources 2 ${ANY}, annotations 3 map}`,
    WaitResponse: `{exit_status 1 uint32, exited_at 2 ${TIMESTAMP}}`,
    StatsResponse: `{stats 1 ${ANY}}`,
    ConnectResponse: "{shim_pid 1 uint32, task_pid 2 uint32, version 3 string}",
    ShutdownRequest: "{id 1 string, now 2 bool}",
    ProcessDetails: "{exec_id 1 string}",
  });
  const { STATUS } = task;
  assert.deepEqual(STATUS, {
    unknown: 0,
    created: 1,
    running: 2,
    stopped: 3,
    paused: 4,
    pausing: 5,
  });
});

Deno.test("messages: those of events have containerd's numbers", () => {
  assert.deepEqual(outlines(events), {
    ForwardRequest: `{envelope 1 {timestamp 1 ${TIMESTAMP}, namespace 2 string, topic 3 string, ` +
      `event 4 ${ANY}}}`,
    TaskCreate:
      `{container_id 1 string, bundle 2 string, rootfs 3+ ${MOUNT}, io 4 {stdin 1 string, ` +
      "stdout 2 string, stderr 3 string, terminal 4 bool}, checkpoint 5 string, pid 6 uint32}",
    TaskStart: "{container_id 1 string, pid 2 uint32}",
    TaskExit: "{container_id 1 string, id 2 string, pid 3 uint32, exit_status 4 uint32, " +
      `exited_at 5 ${TIMESTAMP}}`,
    TaskDelete: "{container_id 1 string, pid 2 uint32, exit_status 3 uint32, " +
      `exited_at 4 ${TIMESTAMP}}`,
    TaskNotice: "{container_id 1 string}",
    TaskExecAdded: "{container_id 1 string, exec_id 2 string}",
    TaskExecStarted: "{container_id 1 string, exec_id 2 string, pid 3 uint32}",
    TaskCheckpointed: "{container_id 1 string, checkpoint 2 string}",
  });
});

Deno.test("messages: those of options have the numbers of each client's version", () => {
  assert.deepEqual(outlines(options), {
    RuncOptions: "{no_pivot_root 1 bool, no_new_keyring 2 bool, shim_cgroup 3 string, " +
      "io_uid 4 uint32, io_gid 5 uint32, binary_name 6 string, root 7 string, " +
      "systemd_cgroup 9 bool, criu_image_path 10 string, criu_work_path 11 string}",
    RuncCreateOptions: "{no_pivot_root 1 bool, no_new_keyring 8 bool, shim_cgroup 9 string, " +
      "io_uid 10 uint32, io_gid 11 uint32, criu_work_path 12 string, criu_image_path 13 string}",
    RuncCheckpointOptions: "{exit 1 bool, open_tcp 2 bool, external_unix_sockets 3 bool, " +
      "terminal 4 bool, file_locks 5 bool, empty_namespaces 6+ string, cgroups_mode 7 string, " +
      "image_path 8 string, work_path 9 string}",
    RuntimeOptions: "{type_url 1 string, config_path 2 string, config_body 3 bytes}",
  });
});

Deno.test("messages: those of a start and of -info have containerd's numbers", () => {
  assert.deepEqual(outlines(bootstrap), {
    BootstrapParams: "{instance_id 1 string, namespace 2 string, log_level 3 int32, " +
      "containerd_version 4 string, containerd_ttrpc_address 5 string, " +
      "containerd_grpc_address 6 string, containerd_binary 7 string, " +
      `extensions 8+ {value 1 ${ANY}}, socket_dir 9 string}`,
    ShimInfo: "{name 1 string, version 2 {version 1 string, revision 2 string}, " +
      `options 3 ${ANY}, features 4 ${ANY}, annotations 5 map}`,
  });
});

Deno.test("messages: those within others have the numbers of protobuf and containerd", () => {
  assert.deepEqual(outlines(types), { Any: ANY, Empty: "{}", Timestamp: TIMESTAMP, Mount: MOUNT });
});

Deno.test("messages: those of ttrpc have its numbers, and codes are gRPC's", () => {
  assert.deepEqual(outlines(ttrpc), {
    Any: ANY,
    Request: "{service 1 string, method 2 string, payload 3 bytes, timeout_nano 4 int64}",
    Response: `{status 1 {code 1 int32, message 2 string, details 3+ ${ANY}}, payload 2 bytes}`,
  });
  assert.deepEqual(ttrpc.CODE, {
    ok: 0,
    cancelled: 1,
    unknown: 2,
    invalidArgument: 3,
    deadlineExceeded: 4,
    notFound: 5,
    alreadyExists: 6,
    resourceExhausted: 8,
    failedPrecondition: 9,
    unimplemented: 12,
    internal: 13,
    unavailable: 14,
  });
});
