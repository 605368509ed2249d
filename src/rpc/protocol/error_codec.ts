// SPDX-License-Identifier: MIT
// Turns errors into JSON-RPC error objects and back.
import { isExhausted } from "../../linux/libc/errno.ts";
import { BerthError, ERROR_CLASSES, ERROR_CODES, InvalidParamsError } from "../errors.ts";
import { isRecord } from "../is_record.ts";
import type { ErrorData, ErrorKind, ParamIssue } from "../errors.ts";

/** A JSON-RPC 2.0 error object (its section 5.1). */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: { readonly kind: string; readonly [key: string]: unknown };
}

/**
 * Returns the error object for anything that was thrown: the one place where errors of the system
 * become kinds. Never a stack trace. Never throws.
 */
export function toWire(error: unknown): WireError {
  if (error instanceof BerthError) {
    return {
      code: error.code,
      message: error.message,
      data: { ...error.data, kind: error.kind },
    };
  }
  const kind = kindOf(error);
  const message = error instanceof Error ? error.message : `thrown: ${typeof error}`;
  return { code: ERROR_CODES[kind], message: message || kind, data: { kind } };
}

function kindOf(error: unknown): ErrorKind {
  if (!(error instanceof Error)) return "Internal";
  if (error.name === "TimeoutError") return "DeadlineExceeded";
  if (error.name === "AbortError") return "Unavailable";
  return isExhausted(error) ? "ResourceExhausted" : "Internal";
}

/**
 * Returns the typed error that an error object from the other side stands for; what it holds is not
 * trusted. `data.kind` decides, else the code; what berth does not know is Internal.
 */
export function fromWire(error: unknown): BerthError {
  const given = isRecord(error) ? error : {};
  const said = typeof given.message === "string" ? given.message : "error without a message";
  const { kind: named, ...rest } = isRecord(given.data) ? given.data : {};
  const message = typeof rest.detail === "string" ? `${said}: ${rest.detail}` : said;
  const kind = isKind(named) ? named : kindOfCode(given.code);
  const data = errorData(rest);
  if (kind === "InvalidParams") return new InvalidParamsError(message, issuesOf(data), { data });
  const known = ERROR_CLASSES.get(kind);
  return known === undefined
    ? new BerthError(kind, message, { data })
    : new known(message, { data });
}

function kindOfCode(code: unknown): ErrorKind {
  return ERROR_KINDS.find((kind) => ERROR_CODES[kind] === code) ?? "Internal";
}

/** Every kind, in the order of {@linkcode ERROR_CODES}. */
export const ERROR_KINDS: readonly ErrorKind[] = Object.keys(ERROR_CODES).filter(isKind);

function isKind(value: unknown): value is ErrorKind {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}

/** Keeps `id` and `execId` only as the strings that they are declared to be. */
function errorData(rest: Record<string, unknown>): ErrorData {
  const { id, execId, ...others } = rest;
  return {
    ...others,
    ...(typeof id === "string" ? { id } : {}),
    ...(typeof execId === "string" ? { execId } : {}),
  };
}

function issuesOf(data: ErrorData): ParamIssue[] {
  if (!Array.isArray(data.issues)) return [];
  const issues: readonly unknown[] = data.issues;
  return issues.filter((issue): issue is ParamIssue =>
    isRecord(issue) && typeof issue.path === "string" && typeof issue.message === "string"
  );
}
