import { assert, constantFrom, nat, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { headBytes, kindOf, look } from '../../../extension/stores/file-types.ts'
import * as pictures from '../../support/pictures.ts'

const { bytes } = pictures
const picture = (mime: string, width: number, height: number, isAnimated = false) => ({
  type: 'picture',
  mime,
  width,
  height,
  isAnimated,
})

test.each([
  ['a PNG', pictures.png(30, 20), picture('image/png', 30, 20)],
  ['a PNG that moves', pictures.movingPng(), picture('image/png', 4, 4, true)],
  ['a JPEG', pictures.jpegHeader(4000, 3000), picture('image/jpeg', 4000, 3000)],
  ['a GIF', pictures.gif(1, 12, 8, 12), picture('image/gif', 12, 12)],
  ['a GIF that moves', pictures.gif(2, 12, 8, 12), picture('image/gif', 12, 12, true)],
  ['a WebP', pictures.webpLossy(640, 480), picture('image/webp', 640, 480)],
  ['a WebP without loss', pictures.webpLossless(641, 479), picture('image/webp', 641, 479)],
  ['a WebP that moves', pictures.webpCanvas(300, 200, true), picture('image/webp', 300, 200, true)],
  ['an AVIF', pictures.avif(320, 200), picture('image/avif', 320, 200)],
])('%s is known by its content, with its size', (_, content, kind) => {
  expect(kindOf(content)).toEqual(kind)
})

test.each([
  ['MP3', bytes('ID3', [4, 0, 0]), { type: 'sound', mime: 'audio/mpeg' }],
  ['MP3 without a tag', bytes([0xff, 0xfb, 0x90, 0x64]), { type: 'sound', mime: 'audio/mpeg' }],
  ['Ogg', bytes('OggS', [0, 2]), { type: 'sound', mime: 'audio/ogg' }],
  ['WAV', pictures.wav(), { type: 'sound', mime: 'audio/wav' }],
  ['FLAC', bytes('fLaC', [0]), { type: 'sound', mime: 'audio/flac' }],
  ['MP4', bytes([0, 0, 0, 24], 'ftypisom', [0, 0, 2, 0]), { type: 'film', mime: 'video/mp4' }],
  [
    'WebM',
    bytes([0x1a, 0x45, 0xdf, 0xa3, 0x9f, 0x42, 0x82, 0x84], 'webm'),
    { type: 'film', mime: 'video/webm' },
  ],
])('%s can be played', (_, content, kind) => {
  expect(kindOf(content)).toEqual(kind)
})

test.each([
  ['HTML', bytes('<!doctype html><script>alert(1)</script>')],
  ['SVG with a script', bytes('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script/></svg>')],
  ['SVG behind an XML header', bytes('<?xml version="1.0"?><svg/>')],
  ['PDF', bytes('%PDF-1.7')],
  ['HEIC', bytes([0, 0, 0, 24], 'ftypheic', [0, 0, 0, 0])],
  ['Matroska', bytes([0x1a, 0x45, 0xdf, 0xa3, 0x93, 0x42, 0x82, 0x88], 'matroska')],
  ['a film of a telephone', bytes([0, 0, 0, 20], 'ftypqt  ', [0, 0, 0, 0])],
  ['BMP', bytes('BM', [0, 0, 0, 0])],
  ['text', bytes('hello')],
  ['nothing', bytes()],
  ['one byte', bytes([0xff])],
])('[R-40] %s is nothing that is shown', (_, content) => {
  expect(kindOf(content)).toEqual({ type: 'other' })
})

test.each([
  ['Windows', bytes('MZ', [0x90, 0])],
  ['Linux', bytes([0x7f], 'ELF', [2])],
  ['macOS', bytes([0xcf, 0xfa, 0xed, 0xfe, 7])],
  ['a shell', bytes('#!/bin/sh\n')],
])('[R-40] a program for %s is one whatever it is called', (_, content) => {
  expect(kindOf(content)).toEqual({ type: 'program' })
})

test.each([
  ['PNG', pictures.pngHeader(50_001, 1000)],
  ['PNG of all that fits', pictures.pngHeader(0xffffffff, 0xffffffff)],
  ['JPEG', pictures.jpegHeader(65_500, 65_500)],
  ['JPEG that hides its size', pictures.jpegHeader(65_500, 65_500, pictures.hiddenFrame(1, 1))],
  ['GIF', pictures.gif(1, 1, 1, 65_535)],
  ['GIF with a first picture beyond its screen', pictures.gif(1, 65_535, 65_535)],
  ['WebP', pictures.webpCanvas(16_000_000, 16_000_000)],
  ['AVIF', pictures.avif(30_000, 30_000)],
])('[R-40] a bomb in the form of a %s is found by its header', (_, content) => {
  expect(kindOf(content)).toEqual({ type: 'unsafe-picture' })
})

test.each([
  ['a PNG without pixels', bytes(pictures.png(3, 3).slice(0, 33))],
  ['a PNG that ends within its header', pictures.png(3, 3).slice(0, 20)],
  ['a PNG of no width', pictures.pngHeader(0, 10)],
  [
    'a PNG that begins with something else',
    bytes([0x89], 'PNG\r\n', [0x1a, 0x0a, 0, 0, 0, 13], 'JUNK', new Uint8Array(20)),
  ],
  ['a JPEG that ends before its size', pictures.jpegHeader(9, 9).slice(0, 14)],
  ['a JPEG with junk between its segments', pictures.jpegHeader(9, 9, bytes([1, 2, 3]))],
  ['a JPEG whose segment has no length', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 0], new Uint8Array(40))],
  ['a GIF without a picture', pictures.gif(0)],
  ['a GIF that ends early', pictures.gif(1).slice(0, 24)],
  ['a WebP of an unknown kind', bytes('RIFF', [0, 0, 0, 0], 'WEBPVP9 ', new Uint8Array(20))],
])('[R-40] %s is not decoded', (_, content) => {
  expect(kindOf(content)).toEqual({ type: 'unsafe-picture' })
})

test('[R-40] whatever comes, looking at it ends, and lets nothing through that is too large', () => {
  const starts = [pictures.png(3, 3), pictures.jpegHeader(9, 9), pictures.gif(2), pictures.webpCanvas(5, 5)]
  assert(
    property(constantFrom(...starts), uint8Array({ maxLength: 60 }), nat(40), (start, junk, at) => {
      const content = bytes(start.slice(0, at), junk, start.slice(at))
      const kind = kindOf(content)

      const pixels = kind.type === 'picture' ? kind.width * kind.height : 0
      expect(pixels).toBeLessThanOrEqual(50_000_000)
    }),
    { numRuns: 300 },
  )
})

test('only the beginning of a file is read', async () => {
  let read = 0
  const file = {
    slice: (from: number, to: number) => {
      read = to - from
      return new Blob([pictures.png(3, 3)])
    },
  } as unknown as Blob

  expect((await look(file)).type).toBe('picture')
  expect(read).toBe(headBytes)
})
