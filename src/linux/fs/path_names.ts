// SPDX-License-Identifier: MIT

/** Returns the names that a path is made of, first one first: neither empty ones nor `.`. */
export function pathNames(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** Returns an absolute path without double slashes, `.` and `..`. Does not look at symlinks. */
export function cleanPath(path: string): string {
  const names: string[] = [];
  for (const name of pathNames(path)) {
    if (name === "..") names.pop();
    else names.push(name);
  }
  return `/${names.join("/")}`;
}

/** Returns `path`, taken from this process's working directory where it is relative. */
export function makeAbsolute(path: string): string {
  if (path.startsWith("/")) return path;
  return `${Deno.cwd()}/${path}`.replace(/(\/\.)+(?=\/|$)/g, "");
}

/** Returns the last name of a path; empty where it ends in a slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Returns the path of the directory above; empty where that is the root. */
export function parentDir(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
