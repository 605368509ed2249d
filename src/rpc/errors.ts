// SPDX-License-Identifier: MIT

/** The condition that an error names, as it stands in `data.kind` on the wire. */
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
  | "ResourceExhausted";

/** The JSON-RPC code of each kind; the first five are JSON-RPC 2.0's own (its section 5.1). */
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
};

/** What an error carries on the wire beside its message; every value must survive JSON. */
export interface ErrorData {
  /** The container that the error is about. */
  id?: string;
  /** The exec process that the error is about. */
  execId?: string;
  /** Whatever else a caller can act on. */
  [key: string]: unknown;
}

/** Options of a {@linkcode BerthError}. */
export interface BerthErrorOptions extends ErrorOptions {
  /** What goes on the wire as `data`, beside `kind`. */
  data?: ErrorData;
}

/** Base of every error that berth puts on a wire: a kind, a code and data a caller can act on. */
export class BerthError extends Error {
  /** The name of the class. */
  override name = "BerthError";
  /** The condition; stable, for programs. */
  readonly kind: ErrorKind;
  /** What is known besides: the container's id, runc's exit code, … */
  readonly data: ErrorData;

  /** An error of this kind; `options.data` goes on the wire beside it. */
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

/** One place where params did not fit their schema. */
export interface ParamIssue {
  /** Dotted path of the value, such as `spec.process.args`; empty for the params themselves. */
  path: string;
  /** What was wrong with it. */
  message: string;
}

/** The params do not fit the method (-32602); `data.issues` names each path. */
export class InvalidParamsError extends BerthError {
  /** The name of the class. */
  override name = "InvalidParamsError";
  /** Every value that did not fit. */
  readonly issues: readonly ParamIssue[];

  /** An error that names these issues. */
  constructor(message: string, issues: readonly ParamIssue[], options: BerthErrorOptions = {}) {
    super("InvalidParams", message, { ...options, data: { ...options.data, issues } });
    this.issues = issues;
  }
}

/** No such container, exec or subscription; or a signal to a process that has exited (-32001). */
export class NotFoundError extends BerthError {
  /** The name of the class. */
  override name = "NotFoundError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("NotFound", message, options);
  }
}

/** The id or execId is taken (-32002). */
export class AlreadyExistsError extends BerthError {
  /** The name of the class. */
  override name = "AlreadyExistsError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("AlreadyExists", message, options);
  }
}

/** The thing is there but in a state that does not allow this (-32003). */
export class FailedPreconditionError extends BerthError {
  /** The name of the class. */
  override name = "FailedPreconditionError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("FailedPrecondition", message, options);
  }
}

/** The other side cannot be reached, or is stopping (-32004). */
export class UnavailableError extends BerthError {
  /** The name of the class. */
  override name = "UnavailableError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("Unavailable", message, options);
  }
}

/** The OCI runtime failed (-32005); `data` has command, exitCode and the runtime's own message. */
export class RuntimeError extends BerthError {
  /** The name of the class. */
  override name = "RuntimeError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("RuntimeError", message, options);
  }
}

/** No answer in time (-32006): the other side may be wedged, which is not death. */
export class DeadlineExceededError extends BerthError {
  /** The name of the class. */
  override name = "DeadlineExceededError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("DeadlineExceeded", message, options);
  }
}

/** Disk full, too many open files, … (-32007). */
export class ResourceExhaustedError extends BerthError {
  /** The name of the class. */
  override name = "ResourceExhaustedError";
  /** `options.data` goes on the wire beside the kind. */
  constructor(message: string, options?: BerthErrorOptions) {
    super("ResourceExhausted", message, options);
  }
}
