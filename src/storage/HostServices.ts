/**
 * Files, paths and child processes of this host. Node's whole set of services also listens to standard input, which
 * belongs to the embedding program; these do not.
 */
import { NodeChildProcessSpawner, NodeFileSystem, NodePath } from "@effect/platform-node"
import { Layer } from "effect"

export const layer = Layer.provideMerge(
  NodeChildProcessSpawner.layer,
  Layer.merge(NodeFileSystem.layer, NodePath.layer)
)
