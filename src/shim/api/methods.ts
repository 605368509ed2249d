// SPDX-License-Identifier: MIT
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import type { HandlerContext, Handlers } from "../../rpc/peer/handler.ts";
import {
  absolutePath,
  bool,
  checkParams,
  execId,
  int,
  object,
  optional,
  output,
  process,
  signal,
  stdin,
} from "./params.ts";
import type { Shape } from "./params.ts";
import type { RuntimeCall } from "../event_buffer.ts";
import type { ShimService } from "../service.ts";

/** What the process around a service answers on the bundle's socket. */
export interface ShimProcessMethods {
  /** `shim.exit`. */
  exit(reuse: boolean): Promise<{ reused: boolean }>;
  /** `shim.serve`. */
  serve(bundle: string, adopt: boolean): Promise<{ pid: number }>;
}

/** The notifications that a connection which asked for events gets. */
export interface EventPeer {
  notify(method: string, params?: unknown): void;
  readonly closed: Promise<void>;
}

/** Members of `shim.serve`'s params. */
export const SERVE_SHAPE: Shape = { bundle: absolutePath, adopt: optional(bool) };

/** What each method's params may hold; the schemas of the contract, checked by hand. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  "shim.connect": {},
  "shim.create": {},
  "shim.start": {},
  "shim.delete": { execId: optional(execId) },
  "shim.exec": {
    execId,
    process,
    stdin: optional(stdin),
    stdout: optional(output),
    stderr: optional(output),
    terminal: optional(bool),
  },
  "shim.state": {},
  "shim.wait": { execId: optional(execId) },
  "shim.kill": { execId: optional(execId), signal, all: optional(bool) },
  "shim.pause": {},
  "shim.resume": {},
  "shim.resizePty": {
    execId: optional(execId),
    width: int(1, 65535),
    height: int(1, 65535),
  },
  "shim.closeStdin": { execId: optional(execId) },
  "shim.pids": {},
  "shim.update": { resources: object },
  "shim.checkpoint": { path: absolutePath, exit: optional(bool) },
  "shim.events": { after: int(0) },
  "shim.ack": { seq: int(0) },
  "shim.exit": { reuse: optional(bool) },
  "shim.serve": SERVE_SHAPE,
};

/** Params that have been checked; the casts below say what the check has found. */
type Params = Readonly<Record<string, unknown>>;

type Method = (params: Params, context: HandlerContext) => unknown;

/** The handlers of a bundle's socket. */
export function shimHandlers(service: ShimService, host: ShimProcessMethods): Handlers {
  return checked({
    "shim.connect": () => service.connect(),
    "shim.create": () => service.create(),
    "shim.start": () => service.start(),
    "shim.delete": (params) => service.delete(target(params)),
    "shim.exec": (params) =>
      service.exec({
        execId: params.execId as string,
        process: params.process as Params,
        stdio: stdioOf(params),
      }),
    "shim.state": () => service.state(),
    "shim.wait": (params, { signal }) => service.wait(target(params), signal),
    "shim.kill": (params) =>
      service.kill({
        ...target(params),
        signal: params.signal as number | string,
        all: params.all as boolean | undefined,
      }),
    "shim.pause": () => service.pause(),
    "shim.resume": () => service.resume(),
    "shim.resizePty": (params) =>
      service.resizePty({
        ...target(params),
        width: params.width as number,
        height: params.height as number,
      }),
    "shim.closeStdin": (params) => service.closeStdin(target(params)),
    "shim.pids": () => service.pids(),
    "shim.update": (params) => service.update(params.resources as Params),
    "shim.checkpoint": (params) =>
      service.checkpoint({
        path: params.path as string,
        exit: params.exit as boolean | undefined,
      }),
    "shim.events": (params, { peer }) => subscribe(service, peer, params.after as number),
    "shim.ack": (params) => service.ack(params.seq as number),
    "shim.exit": (params) => host.exit(params.reuse === true),
    "shim.serve": (params) => host.serve(params.bundle as string, params.adopt === true),
  });
}

/** Checks the params of each method before it is called; what answers nothing answers `{}`. */
export function checked(methods: Readonly<Record<string, Method>>): Handlers {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      async (params: unknown, context: HandlerContext) =>
        await method(checkParams(name, params, SHAPES[name] ?? {}), context) ?? {},
    ]),
  );
}

function target(params: Params): { execId: string | undefined } {
  return { execId: params.execId as string | undefined };
}

/** The stdio of an exec; what is left out is nothing. */
function stdioOf(params: Params): StdioPaths {
  return {
    stdin: (params.stdin ?? "") as string,
    stdout: (params.stdout ?? "") as string,
    stderr: (params.stderr ?? "") as string,
    terminal: params.terminal === true,
  };
}

/** Sends events, and what the OCI runtime was called for, to `peer` until it is gone. */
function subscribe(
  service: ShimService,
  peer: EventPeer,
  after: number,
): { latest: number } {
  const subscription = service.subscribe(after, {
    event: (event) => peer.notify("shim.event", event),
    runtimeCall: (call: RuntimeCall) => peer.notify("shim.runtimeCall", call),
  });
  peer.closed.then(() => subscription[Symbol.dispose]());
  return { latest: subscription.latest };
}
