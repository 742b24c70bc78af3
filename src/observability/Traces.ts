/**
 * Traces go out by OTLP over HTTP where the standard variables say so (BEHAVIOUR 11): `OTEL_EXPORTER_OTLP_ENDPOINT` or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, and the others of their kind. Without them nothing is recorded; with one that
 * cannot be read it is said, and nothing is recorded either: work goes on.
 *
 * No span holds arguments, results or secrets.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Cause, Config, ConfigProvider, Effect, Layer, Tracer } from "effect"
import { OtlpSerialization, OtlpTracer } from "effect/observability"
import { version } from "../domain/Version.ts"

/** Whether spans go anywhere; also those of an embedding program's own tracer. */
export const exported: Effect.Effect<boolean> = Effect.map(Effect.tracer, (tracer) => tracer !== Tracer.nativeTracer)

/** What is meant where the variables do not say: OpenTelemetry's own defaults, and our name. */
const defaults = ConfigProvider.layerAdd(
  ConfigProvider.fromUnknown({ OTEL_TRACES_EXPORTER: "otlp", OTEL_SERVICE_NAME: "holdfast" })
)

const serialization = Layer.unwrap(Effect.gen(function*() {
  const protocol = yield* Config.String("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").pipe(
    Config.orElse(() => Config.String("OTEL_EXPORTER_OTLP_PROTOCOL")),
    Config.withDefault("http/protobuf"),
    Effect.orDie
  )
  return protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf
}))

/** To be provided under everything that is traced. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(Effect.void).pipe(
  Layer.provideMerge(OtlpTracer.layerFromConfig({ resource: { serviceVersion: version } })),
  Layer.provide([serialization, NodeHttpClient.layerUndici]),
  Layer.provide(defaults),
  Layer.catchCause((cause) => {
    const why = Cause.prettyErrors(cause).map(({ message }) => message.replaceAll(/\s+/g, " ")).join("; ")
    return Layer.effectDiscard(Effect.logWarning(`no traces go out: ${why}`))
  })
)
