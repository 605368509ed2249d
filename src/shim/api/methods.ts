// SPDX-License-Identifier: MIT
// The methods of a bundle's socket.
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import type { HandlerContext, Handlers } from "../../rpc/peer/handler.ts";
import { checkParams } from "../../rpc/contract/check_params.ts";
import type { ParsedParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { ShimContract, ShimNotifications } from "../../rpc/contract/shim.ts";
import type { ShimService } from "../service.ts";
import { SHIM_PARAMS } from "./shim_params.ts";

/** The methods of the shim process itself on a bundle's socket. */
export interface ShimProcessMethods {
  /** `shim.exit`. */
  exit(reuse: boolean): Promise<{ reused: boolean }>;
  /** `shim.serve`. */
  serve(bundle: string, adopt: boolean): Promise<{ pid: number }>;
  /** Called when a container was started. */
  started?(): void;
  /** Called at each call. */
  called?(): void;
}

/** The notifications that a connection which asked for events gets. */
interface EventPeer {
  notify<N extends keyof ShimNotifications>(method: N, params: ShimNotifications[N]): void;
  readonly closed: Promise<void>;
}

type Params<N extends keyof ShimContract> = ParsedParamsOf<ShimContract, N>;
type Result<N extends keyof ShimContract> = ResultOf<ShimContract, N> | void;

/** A function for some methods of the shim's contract. Returning nothing stands for `{}`. */
type Methods = {
  readonly [N in keyof ShimContract]?: (
    params: Params<N>,
    context: HandlerContext,
  ) => Result<N> | Promise<Result<N>>;
};

/** Returns the handlers of a bundle's socket. */
export function shimHandlers(service: ShimService, host: ShimProcessMethods): Handlers {
  const methods: Required<Methods> = {
    "shim.connect": () => service.connect(),
    "shim.create": () => service.create(),
    "shim.start": async (_, { signal }) => {
      const started = await service.start(signal);
      host.started?.();
      return started;
    },
    "shim.delete": (params) => service.delete(params),
    "shim.exec": ({ execId, process, ...stdio }) =>
      service.exec({ execId, process, stdio: stdioOf(stdio) }),
    "shim.state": () => service.state(),
    "shim.wait": (params, { signal }) => service.processes.wait(params, signal),
    "shim.kill": (params) => service.processes.kill(params),
    "shim.pause": () => service.pause(),
    "shim.resume": () => service.resume(),
    "shim.resizePty": (params) => service.processes.resizePty(params),
    "shim.closeStdin": (params) => service.processes.closeStdin(params),
    "shim.pids": () => service.processes.pids(),
    "shim.update": ({ resources }) => service.update(resources),
    "shim.checkpoint": (params) => service.checkpoint(params),
    "shim.events": ({ after }, { peer }) => subscribe(service, peer, after),
    "shim.ack": ({ seq }) => service.ack(seq),
    "shim.exit": ({ reuse }) => host.exit(reuse === true),
    "shim.serve": ({ bundle, adopt }) => host.serve(bundle, adopt === true),
  };
  return checked(methods, host.called);
}

/**
 * Returns handlers that check the params of a call by the contract before the function is called.
 *
 * @param called called at each call.
 */
export function checked(methods: Methods, called?: () => void): Handlers {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      async (params: unknown, context: HandlerContext) => {
        called?.();
        // The schema of the same name vouches for the params, which is what the casts say.
        return await (method as (params: unknown, context: HandlerContext) => unknown)(
          checkParams(name, SHIM_PARAMS[name as keyof ShimContract], params),
          context,
        ) ?? {};
      },
    ]),
  );
}

/** Returns the stdio of an exec. A stream that is not given is connected to nothing. */
function stdioOf(
  { stdin = "", stdout = "", stderr = "", terminal = false }: {
    readonly [N in keyof StdioPaths]?: StdioPaths[N] | undefined;
  },
): StdioPaths {
  return { stdin, stdout, stderr, terminal };
}

/** Sends events, and reports of calls of the OCI runtime, to `peer` until it is gone. */
function subscribe(
  service: ShimService,
  peer: EventPeer,
  after: number,
): { latest: number } {
  const subscription = service.subscribe(after, {
    event: (event) => peer.notify("shim.event", event),
    runtimeCall: (call) => peer.notify("shim.runtimeCall", call),
  });
  peer.closed.then(() => subscription[Symbol.dispose]());
  return { latest: subscription.latest };
}
