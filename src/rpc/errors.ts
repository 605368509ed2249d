// SPDX-License-Identifier: MIT
// The errors of the wire, a class for each kind.

/** The condition that an error stands for; `data.kind` on the wire. */
export type ErrorKind =
  | "ParseError"
  | "InvalidRequest"
  | "MethodNotFound"
  | "InvalidParams"
  | "Internal"
  | "NotFound"
  | "AlreadyExists"
  | "FailedPrecondition"
  | "Unavailable"
  | "RuntimeError"
  | "DeadlineExceeded"
  | "ResourceExhausted"
  | "NetworkError"
  | "Cancelled";

/**
 * The JSON-RPC code of each kind. The first five are JSON-RPC 2.0's own (its section 5.1), the last is
 * that of the Language Server Protocol (RequestCancelled).
 */
export const ERROR_CODES: Readonly<Record<ErrorKind, number>> = {
  ParseError: -32700,
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  Internal: -32603,
  NotFound: -32001,
  AlreadyExists: -32002,
  FailedPrecondition: -32003,
  Unavailable: -32004,
  RuntimeError: -32005,
  DeadlineExceeded: -32006,
  ResourceExhausted: -32007,
  NetworkError: -32008,
  Cancelled: -32800,
};

/** The details that an error carries on the wire. Every value must survive JSON. */
export interface ErrorData {
  /** The container that the error is about. */
  id?: string;
  /** The exec process that the error is about. */
  execId?: string;
  /** Any other detail that a caller can act on. */
  [key: string]: unknown;
}

/** Cause of a {@linkcode BerthError}, and its details. */
export interface BerthErrorOptions extends ErrorOptions {
  /** Details that go on the wire in `data`, beside `kind`. */
  data?: ErrorData;
}

/** Base of every error that berth puts on a wire. */
export class BerthError extends Error {
  /** `BerthError`, or the name of a class that extends it; it begins the error's text. */
  override name = "BerthError";
  /** The condition. Programs can rely on it; it never changes. */
  readonly kind: ErrorKind;
  /** Details, such as the container's id or the runtime's exit code. */
  readonly data: ErrorData;

  /** Creates an error of the given kind. */
  constructor(kind: ErrorKind, message: string, options: BerthErrorOptions = {}) {
    super(message, options);
    this.kind = kind;
    this.data = options.data ?? {};
  }

  /** The JSON-RPC error code of {@linkcode kind}. */
  get code(): number {
    return ERROR_CODES[this.kind];
  }
}

/** One value of the params that does not match the schema. */
export interface ParamIssue {
  /** Dotted path of the value, such as `spec.process.args`; empty for the params themselves. */
  path: string;
  /** The reason why the value is not accepted. */
  message: string;
}

/** The params do not match the method's schema (-32602). `data.issues` names each path. */
export class InvalidParamsError extends BerthError {
  /** `InvalidParamsError`, which begins the error's text. */
  override name = "InvalidParamsError";
  /** Every value that does not match. */
  readonly issues: readonly ParamIssue[];

  /** Creates an error that lists `issues`. */
  constructor(message: string, issues: readonly ParamIssue[], options: BerthErrorOptions = {}) {
    super("InvalidParams", message, { ...options, data: { ...options.data, issues } });
    this.issues = issues;
  }
}

/** Base of the classes that stand for one kind each; {@linkcode ERROR_CLASSES} says for which. */
export abstract class KindError extends BerthError {
  /** Creates an error of the class's kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    const kind = kindOf(new.target);
    super(kind, message, options);
    // Not the class's own name: a minifier may change that.
    this.name = kind.endsWith("Error") ? kind : `${kind}Error`;
  }
}

/** No such container, exec process or subscription; or the process to signal has exited (-32001). */
export class NotFoundError extends KindError {}

/** The id or execId is taken (-32002). */
export class AlreadyExistsError extends KindError {}

/** The container or process is in a state that does not allow the call (-32003). */
export class FailedPreconditionError extends KindError {}

/** The other side cannot be reached or is stopping (-32004). */
export class UnavailableError extends KindError {}

/** The OCI runtime failed (-32005). `data` has `command`, `exitCode` and `runtimeMessage`. */
export class RuntimeError extends KindError {}

/** The other side did not answer in time (-32006). It may be unresponsive, which does not mean dead. */
export class DeadlineExceededError extends KindError {}

/** The system ran out of a resource, such as disk space or file descriptors (-32007). */
export class ResourceExhaustedError extends KindError {}

/** A CNI plugin failed (-32008). `data` has `network`, `plugin` and, if it gave one, `cniCode`. */
export class NetworkError extends KindError {}

/** The caller canceled the call (-32800). What the call had begun goes on, unless it was a wait. */
export class CancelledError extends KindError {}

/** A class of errors of one kind. */
export type ErrorClass = new (message: string, options?: BerthErrorOptions) => KindError;

/** The class of each kind that has one of its own. */
export const ERROR_CLASSES: ReadonlyMap<ErrorKind, ErrorClass> = new Map<ErrorKind, ErrorClass>([
  ["NotFound", NotFoundError],
  ["AlreadyExists", AlreadyExistsError],
  ["FailedPrecondition", FailedPreconditionError],
  ["Unavailable", UnavailableError],
  ["RuntimeError", RuntimeError],
  ["DeadlineExceeded", DeadlineExceededError],
  ["ResourceExhausted", ResourceExhaustedError],
  ["NetworkError", NetworkError],
  ["Cancelled", CancelledError],
]);

/** Returns the kind of a class, which is one of the map or extends one of them. */
function kindOf(target: { readonly prototype: unknown }): ErrorKind {
  for (const [kind, each] of ERROR_CLASSES) {
    if (each === target || target.prototype instanceof each) return kind;
  }
  return "Internal";
}
