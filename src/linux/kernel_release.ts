// SPDX-License-Identifier: MIT

/**
 * Returns whether a kernel is at least as new: compares the first two numbers of its release
 * (uname(2)), such as `6.12.3-1-amd64`, and of `least`, such as `5.12`.
 */
export function isKernelAtLeast(release: string, least: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
