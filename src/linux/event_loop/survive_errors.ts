// SPDX-License-Identifier: MIT

/**
 * Keeps the process running after an error that nothing handles, which is given to `log`, until `signal`
 * is aborted: for a process on whose end the lives of containers depend.
 */
export function surviveErrors(log: (error: unknown) => void, signal?: AbortSignal): void {
  const options = signal === undefined ? {} : { signal };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log(event.reason);
  }, options);
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log(event.error);
  }, options);
}
