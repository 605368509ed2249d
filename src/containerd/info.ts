// SPDX-License-Identifier: MIT
import { Reaper } from "../linux/process/reaper.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { RuntimeError } from "../rpc/errors.ts";
import { VERSION } from "../version.ts";
import { readInput } from "./bootstrap/answer.ts";
import { ShimInfo } from "./messages/bootstrap.ts";
import { Any } from "./messages/types.ts";
import { decode, encode } from "./protobuf/codec.ts";
import { readOptions } from "./task/options.ts";

/** The type of the features of an OCI runtime, in JSON. */
const FEATURES = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

/** Runs `-info`: prints the abilities of this shim and of the OCI runtime of the options on stdin. */
export async function printInfo(): Promise<number> {
  const input = readInput();
  const options = input.length === 0 ? undefined : decode(Any, input);
  const { binaryName } = await readOptions(options);
  const features = await featuresOf(binaryName);
  Deno.stdout.writeSync(encode(ShimInfo, {
    name: "io.containerd.berth.v2",
    version: { version: VERSION },
    options,
    features: features && { type_url: FEATURES, value: features },
  }));
  return 0;
}

/** Returns the features of a runtime; undefined for one that does not know them. */
async function featuresOf(command: string): Promise<Uint8Array | undefined> {
  using reaper = Reaper.start();
  const spawn: typeof reaper.spawn = (argv, options) => reaper.spawn(argv, options);
  try {
    const text = await new OciRuntime({ command, root: "/run/containerd/runc", spawn }).features();
    return new TextEncoder().encode(text);
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}
