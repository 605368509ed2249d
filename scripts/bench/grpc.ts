// SPDX-License-Identifier: MIT
import { Buffer } from "node:buffer";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { AnyDefinition, MessageTypeDefinition, PackageDefinition } from "@grpc/proto-loader";

/** A message as protobufjs reads and writes it: field names as in the .proto file. */
export type Message = Readonly<Record<string, unknown>>;

/** Services that a .proto file defines. */
export interface GrpcApi {
  readonly definitions: PackageDefinition;
  /** The package that the file has them in. */
  readonly scope: string;
  /** The packages that the server has them in. */
  readonly packages: Readonly<Record<string, string>>;
}

/** Reads the .proto file at `path`. 64-bit integers are numbers in what is decoded by it. */
export function loadApi(path: string, options: Omit<GrpcApi, "definitions">): GrpcApi {
  return {
    definitions: loadSync(path, { keepCase: true, defaults: true, longs: Number }),
    ...options,
  };
}

/** The part of containerd's API that the benchmark uses. */
const CONTAINERD = loadApi(new URL("./proto/containerd.proto", import.meta.url).pathname, {
  scope: "bench",
  packages: {
    Containers: "containerd.services.containers.v1",
    Tasks: "containerd.services.tasks.v1",
    Events: "containerd.services.events.v1",
    Version: "containerd.services.version.v1",
  },
});

/** The containerd namespace of all that is made here. */
const NAMESPACE = "bench";

/** One gRPC connection to a containerd. */
export class GrpcConnection implements Disposable {
  readonly #api: GrpcApi;
  readonly #client: Client;
  readonly #metadata = new Metadata();

  /** Connects at the first call; an error then tells that no process listens. */
  constructor(socket: string, api: GrpcApi = CONTAINERD) {
    this.#api = api;
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), {
      // A connection of its own: by default clients of one address share one.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
    });
    this.#metadata.set("containerd-namespace", NAMESPACE);
  }

  /** Calls `service.method`; rejects with the server's status. */
  call(service: string, method: string, request: Message): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = lookUp(this.#api, service, method);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Message, object>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, response) => {
          if (error === null && response !== undefined) resolve({ ...response });
          else reject(new Error(`${service}.${method}: ${error?.message ?? "no answer"}`));
        },
      );
    });
  }

  /** Calls a method that answers a stream, `onMessage` with each; dispose of it to end that. */
  stream(
    service: string,
    method: string,
    request: Message,
    onMessage: (message: Message) => void,
  ): Disposable {
    const { path, requestSerialize, responseDeserialize } = lookUp(this.#api, service, method);
    const stream: ClientReadableStream<object> = this.#client.makeServerStreamRequest<
      Message,
      object
    >(path, requestSerialize, responseDeserialize, request, this.#metadata);
    stream.on("data", (message: object) => onMessage({ ...message }));
    // An end that was not asked for shows as an event that does not come.
    stream.on("error", () => {});
    return { [Symbol.dispose]: () => stream.cancel() };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Packs a message of the .proto file, as the value of a protobuf Any. */
export function encode(name: string, message: Message): Uint8Array {
  return messageType(name).serialize(message);
}

/** Unpacks what {@linkcode encode} packs. */
export function decode(name: string, bytes: Uint8Array): Message {
  return { ...messageType(name).deserialize(Buffer.from(bytes)) };
}

function messageType(name: string) {
  const type = CONTAINERD.definitions[`${CONTAINERD.scope}.${name}`];
  if (type === undefined || !isMessageType(type)) throw new RangeError(`no message ${name}`);
  return type;
}

function isMessageType(type: AnyDefinition): type is MessageTypeDefinition<object, object> {
  return typeof type["format"] === "string";
}

function lookUp({ definitions, scope, packages }: GrpcApi, service: string, method: string) {
  const found = definitions[`${scope}.${service}`];
  if (found === undefined || "format" in found) throw new RangeError(`no service ${service}`);
  const definition = found[method];
  if (definition === undefined) throw new RangeError(`no method ${service}.${method}`);
  const { requestSerialize, responseDeserialize } = definition;
  return {
    path: `/${packages[service]}.${service}/${method}`,
    requestSerialize,
    responseDeserialize,
  };
}
