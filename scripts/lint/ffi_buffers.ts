// SPDX-License-Identifier: MIT
//
// Rules for `deno lint` on calls of libc. What is passed to one by its address alone may be collected
// before the call, and errno may be another call's by the time it is looked at.

type Call = Deno.lint.CallExpression;

/** A node, or a parent of one. */
type Ancestor = Deno.lint.Node | Deno.lint.TSParameterProperty;

/** Returns the functions around a node, the innermost first; undefined stands for the file. */
function scopes(node: Deno.lint.Node): (Ancestor | undefined)[] {
  const around: (Ancestor | undefined)[] = [];
  for (let each = parentOf(node); each !== undefined; each = parentOf(each)) {
    if (/^(Arrow)?Function/.test(each.type)) around.push(each);
  }
  return [...around, undefined];
}

function parentOf(node: Ancestor): Ancestor | undefined {
  return "parent" in node ? node.parent ?? undefined : undefined;
}

/** Returns whether a file imports the name from the file of calls of libc. */
function importsFromLibc({ body }: Deno.lint.Program, name: string): boolean {
  return body.some((statement) =>
    statement.type === "ImportDeclaration" && statement.source.value.endsWith("/libc.ts") &&
    statement.specifiers.some(({ local }) => local.name === name)
  );
}

function argumentNames(call: Call): string[] {
  return call.arguments.flatMap((each) => each.type === "Identifier" ? [each.name] : []);
}

/** The file whose functions the others use. */
const LIBC = /\/libc\/libc(_test)?\.ts$/;

const plugin: Deno.lint.Plugin = {
  name: "berth-ffi",
  rules: {
    "kept-buffer": {
      create(context) {
        if (LIBC.test(context.filename)) return {};
        const taken: Call[] = [];
        const kept: Call[] = [];
        const isKept = (call: Call) => {
          const [name] = argumentNames(call);
          const around = scopes(call);
          return name !== undefined &&
            kept.some((each) =>
              each.range[0] > call.range[1] && argumentNames(each).includes(name) &&
              around.includes(scopes(each)[0])
            );
        };
        return {
          'CallExpression[callee.name="addressOf"]': (node: Call) => void taken.push(node),
          'CallExpression[callee.name="keepAlive"]': (node: Call) => void kept.push(node),
          'MemberExpression[object.name="Deno"][property.name="UnsafePointer"]': (
            node: Deno.lint.MemberExpression,
          ) =>
            context.report({
              node,
              message: "Addresses are taken by addressOf of src/linux/libc/libc.ts",
            }),
          "Program:exit": (program: Deno.lint.Program) => {
            if (!importsFromLibc(program, "addressOf")) return;
            for (const node of taken.filter((call) => !isKept(call))) {
              context.report({
                node,
                message: "A buffer whose address is taken is touched after the call",
                hint: "Give it a name, and end with keepAlive(NAME) in the same function",
              });
            }
          },
        };
      },
    },
    "errno": {
      create(context) {
        if (LIBC.test(context.filename)) return {};
        let imported = false;
        return {
          Program: (node) => {
            imported = importsFromLibc(node, "errno");
          },
          'CallExpression[callee.name="errno"]': (node: Call) => {
            if (!imported) return;
            context.report({
              node,
              message: "A signal may come between a call and the look at errno",
              hint: "Make the call by attempt, check or retry of src/linux/libc/libc.ts",
            });
          },
        };
      },
    },
  },
};

export default plugin;
