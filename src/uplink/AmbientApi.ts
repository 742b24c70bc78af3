/**
 * `ambient.proto` as the protobuf library takes it: what its generator writes, so that nobody needs the generator. A test
 * holds it against the proto.
 */
import type { Message } from "@bufbuild/protobuf"
import {
  fileDesc,
  type GenFile,
  type GenMessage,
  type GenService,
  messageDesc,
  serviceDesc
} from "@bufbuild/protobuf/codegenv2"
import { file_google_protobuf_timestamp, type Timestamp } from "@bufbuild/protobuf/wkt"

export type PushSessionMessageRequest = Message<"ambient.v1.PushSessionMessageRequest"> & {
  sessionId: string
  eventType: string
  payload: string
}

export type WatchSessionMessagesRequest = Message<"ambient.v1.WatchSessionMessagesRequest"> & {
  sessionId: string
  afterSeq: bigint
}

export type SessionMessage = Message<"ambient.v1.SessionMessage"> & {
  id: string
  sessionId: string
  seq: bigint
  eventType: string
  payload: string
  createdAt?: Timestamp
}

export type WatchInboxMessagesRequest = Message<"ambient.v1.WatchInboxMessagesRequest"> & {
  agentId: string
}

export type InboxMessage = Message<"ambient.v1.InboxMessage"> & {
  id: string
  agentId: string
  fromAgentId: string
  fromName: string
  body: string
  read: boolean
  createdAt?: Timestamp
  updatedAt?: Timestamp
}

export const file: GenFile = fileDesc(
  "Cg1hbWJpZW50LnByb3RvEgphbWJpZW50LnYxIlQKGVB1c2hTZXNzaW9uTWVzc2FnZVJlcXVlc3QSEgoKc2Vzc2lvbl9pZBgBIAEoCRIS"
    + "CgpldmVudF90eXBlGAIgASgJEg8KB3BheWxvYWQYAyABKAkiRAobV2F0Y2hTZXNzaW9uTWVzc2FnZXNSZXF1ZXN0EhIKCnNlc3Npb25f"
    + "aWQYASABKAkSEQoJYWZ0ZXJfc2VxGAIgASgDIpIBCg5TZXNzaW9uTWVzc2FnZRIKCgJpZBgBIAEoCRISCgpzZXNzaW9uX2lkGAIgASgJ"
    + "EgsKA3NlcRgDIAEoAxISCgpldmVudF90eXBlGAQgASgJEg8KB3BheWxvYWQYBSABKAkSLgoKY3JlYXRlZF9hdBgGIAEoCzIaLmdvb2ds"
    + "ZS5wcm90b2J1Zi5UaW1lc3RhbXAiLQoZV2F0Y2hJbmJveE1lc3NhZ2VzUmVxdWVzdBIQCghhZ2VudF9pZBgBIAEoCSLSAQoMSW5ib3hN"
    + "ZXNzYWdlEgoKAmlkGAEgASgJEhAKCGFnZW50X2lkGAIgASgJEhUKDWZyb21fYWdlbnRfaWQYAyABKAkSEQoJZnJvbV9uYW1lGAQgASgJ"
    + "EgwKBGJvZHkYBSABKAkSDAoEcmVhZBgGIAEoCBIuCgpjcmVhdGVkX2F0GAcgASgLMhouZ29vZ2xlLnByb3RvYnVmLlRpbWVzdGFtcBIu"
    + "Cgp1cGRhdGVkX2F0GAggASgLMhouZ29vZ2xlLnByb3RvYnVmLlRpbWVzdGFtcDLIAQoOU2Vzc2lvblNlcnZpY2USVwoSUHVzaFNlc3Np"
    + "b25NZXNzYWdlEiUuYW1iaWVudC52MS5QdXNoU2Vzc2lvbk1lc3NhZ2VSZXF1ZXN0GhouYW1iaWVudC52MS5TZXNzaW9uTWVzc2FnZRJd"
    + "ChRXYXRjaFNlc3Npb25NZXNzYWdlcxInLmFtYmllbnQudjEuV2F0Y2hTZXNzaW9uTWVzc2FnZXNSZXF1ZXN0GhouYW1iaWVudC52MS5T"
    + "ZXNzaW9uTWVzc2FnZTABMmcKDEluYm94U2VydmljZRJXChJXYXRjaEluYm94TWVzc2FnZXMSJS5hbWJpZW50LnYxLldhdGNoSW5ib3hN"
    + "ZXNzYWdlc1JlcXVlc3QaGC5hbWJpZW50LnYxLkluYm94TWVzc2FnZTABYgZwcm90bzM=",
  [file_google_protobuf_timestamp]
)

const PushSessionMessageRequestSchema: GenMessage<PushSessionMessageRequest> = messageDesc(file, 0)
const WatchSessionMessagesRequestSchema: GenMessage<WatchSessionMessagesRequest> = messageDesc(file, 1)
const SessionMessageSchema: GenMessage<SessionMessage> = messageDesc(file, 2)
const WatchInboxMessagesRequestSchema: GenMessage<WatchInboxMessagesRequest> = messageDesc(file, 3)
const InboxMessageSchema: GenMessage<InboxMessage> = messageDesc(file, 4)

export const SessionService: GenService<{
  pushSessionMessage: {
    methodKind: "unary"
    input: typeof PushSessionMessageRequestSchema
    output: typeof SessionMessageSchema
  }
  watchSessionMessages: {
    methodKind: "server_streaming"
    input: typeof WatchSessionMessagesRequestSchema
    output: typeof SessionMessageSchema
  }
}> = serviceDesc(file, 0)

export const InboxService: GenService<{
  watchInboxMessages: {
    methodKind: "server_streaming"
    input: typeof WatchInboxMessagesRequestSchema
    output: typeof InboxMessageSchema
  }
}> = serviceDesc(file, 1)
