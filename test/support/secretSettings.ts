/** Where the settings' schema allows a secret, and where settings hold one. A key that the user chooses is `*`. */
import { Predicate, Redacted, type SchemaAST } from "effect"

const isSecret = (ast: SchemaAST.AST): boolean => ast.annotations?.["expected"] === "Redacted"

const join = (path: string, key: string): string => path === "" ? key : `${path}.${key}`

/** Such as `relays.*.token.value`. */
export const secretPaths = (ast: SchemaAST.AST, path = ""): ReadonlyArray<string> => {
  if (isSecret(ast)) return [path]
  switch (ast._tag) {
    case "Objects":
      return [
        ...ast.propertySignatures.flatMap(({ name, type }) => secretPaths(type, join(path, String(name)))),
        ...ast.indexSignatures.flatMap(({ type }) => secretPaths(type, join(path, "*")))
      ]
    case "Union":
      return ast.types.flatMap((type) => secretPaths(type, path))
    case "Arrays":
      return [...ast.elements, ...ast.rest].flatMap((type) => secretPaths(type, join(path, "*")))
    default:
      return []
  }
}

/** Each secret of decoded settings with its path, such as `relays.docs.token.value`. */
export const secretsIn = (value: unknown, path = ""): ReadonlyArray<readonly [path: string, secret: string]> => {
  if (Redacted.isRedacted(value)) return [[path, String(Redacted.value(value))]]
  if (!Predicate.isObjectOrArray(value)) return []
  return Object.entries(value).flatMap(([key, member]) => secretsIn(member, join(path, key)))
}

/** Whether the path is an instance of the pattern. */
export const matches = (path: string, pattern: string): boolean => {
  const keys = path.split(".")
  const pieces = pattern.split(".")
  return keys.length === pieces.length && pieces.every((piece, index) => piece === "*" || piece === keys[index])
}
