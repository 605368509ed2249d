// SPDX-License-Identifier: MIT
//
// A rule for `deno lint`: each source file says once what it is for. The doc comment of its one
// export does, or a line beneath the license.

/** The names that a file exports. */
interface Exports {
  readonly values: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
}

/** Returns the names that a file declares and exports; not those that it passes on. */
function exportsOf(program: Deno.lint.Program): Exports {
  const values = new Set<string>(), types = new Set<string>();
  for (const statement of program.body) {
    if (statement.type !== "ExportNamedDeclaration") continue;
    const { declaration } = statement;
    switch (declaration?.type) {
      case "VariableDeclaration":
        for (const { id } of declaration.declarations) {
          if (id.type === "Identifier") values.add(id.name);
        }
        break;
      case "FunctionDeclaration":
      case "TSDeclareFunction":
      case "ClassDeclaration":
        if (declaration.id != null) values.add(declaration.id.name);
        break;
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
        types.add(declaration.id.name);
    }
  }
  return { values, types };
}

/** Returns whether the file has one function, class or value, with its types, or one type alone. */
function exportsOne({ values, types }: Exports): boolean {
  return values.size === 1 || (values.size === 0 && types.size === 1);
}

/** Returns whether an export bears the name of the file, however spelled. */
function bearsName({ values, types }: Exports, filename: string): boolean {
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  const [, file = ""] = filename.match(/([^/]+)\.ts$/) ?? [];
  return [...values, ...types].some((name) => plain(name) === plain(file));
}

const plugin: Deno.lint.Plugin = {
  name: "berth-files",
  rules: {
    "file-purpose": {
      create(context) {
        const { filename } = context;
        if (!/\/src\/.*\.ts$/.test(filename) || filename.endsWith("_test.ts")) return {};
        return {
          Program(node) {
            const [, line = ""] = context.sourceCode.text.split("\n");
            const found = exportsOf(node);
            const isSaid = /^\/\/ \S|^\/\*\*/.test(line);
            if (line === "//") {
              context.report({ node, message: "The purpose stands directly beneath the license" });
            } else if (!isSaid && !exportsOne(found) && !bearsName(found, filename)) {
              context.report({
                node,
                message: "The file does not say what it is for",
                hint: "Say it in the line beneath the license: several things are exported, and " +
                  "none bears the file's name",
              });
            } else if (/^\/\/ (?!Generated )/.test(line) && exportsOne(found)) {
              context.report({
                node,
                message: "The purpose of the file is said twice",
                hint: "Leave it to the doc comment of the one thing that is exported",
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;
