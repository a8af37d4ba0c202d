/**
 * The part of the protobuf wire format that ONNX models and W&B's offline logs need: varints, 32-bit floats and
 * length-delimited fields. https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const DELIMITED = 2;
const FIXED32 = 5;

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** One after the other, in a fresh array. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function integerField(number: number, value: number | bigint): Uint8Array {
  return concatenate([varint((number << 3) | VARINT), varint(value)]);
}

export function floatField(number: number, value: number): Uint8Array {
  return concatenate([varint((number << 3) | FIXED32), new Uint8Array(Float32Array.of(value).buffer)]);
}

export function bytesField(number: number, bytes: Uint8Array): Uint8Array {
  return concatenate([varint((number << 3) | DELIMITED), varint(bytes.length), bytes]);
}

export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, new TextEncoder().encode(text));
}

/** A nested message: its own fields, delimited. */
export function messageField(number: number, ...fields: Uint8Array[]): Uint8Array {
  return bytesField(number, concatenate(fields));
}
