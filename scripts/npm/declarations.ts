// SPDX-License-Identifier: MIT
import ts from "typescript";

/**
 * Writes the declarations of `entry` and of every module that these mention into `outDir`, laid out
 * as the sources are below `root`. Works file by file, as the sources name the types of all that they
 * export. Returns the path of the entry's own, relative to `outDir`. Throws where a type is missing.
 */
export async function writeDeclarations(
  root: string,
  entry: string,
  outDir: string,
): Promise<string> {
  const written = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (written.has(file)) return;
    written.add(file);
    const text = declarationOf(file, await Deno.readTextFile(`${root}/${file}`));
    const target = `${outDir}/${declarationPath(file)}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    // With the extensions that a resolver of modules looks for beside the declarations.
    await Deno.writeTextFile(target, text.replace(RELATIVE_IMPORT, '$1$2.js"'));
    for (const [, , specifier] of text.matchAll(RELATIVE_IMPORT)) {
      const url = new URL(`${specifier}.ts`, `file:///${file}`);
      await visit(url.pathname.slice(1));
    }
  };
  await visit(entry);
  return declarationPath(entry);
}

/** A relative import: the text before the path, and the path without its extension. */
const RELATIVE_IMPORT = /(from\s*"|import\(")(\.[^"]*)\.ts"/g;

function declarationPath(file: string): string {
  return file.replace(/\.ts$/, ".d.ts");
}

function declarationOf(file: string, source: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(source, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      strict: true,
      declaration: true,
      isolatedDeclarations: true,
      stripInternal: true,
    },
  });
  const [first] = diagnostics;
  if (first !== undefined) {
    throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`);
  }
  // It says methods that are named by a symbol a second time, as properties.
  return outputText.replace(/^ +\[Symbol\.\w+\]: .*;\n/gm, "");
}
