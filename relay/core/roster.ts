/**
 * The list of people. One relation, the same from both sides: none, asking (my knock is out), asked (theirs is
 * in), buddies. Everything about it that concerns the peer travels in the lane, in order with the messages. Flags
 * (blocked, muted) are the owner's own and never leave the room.
 */
import type { ClientFrameOf, Relation } from '#shared/frames'
import { ProtocolError } from '#shared/errors'
import { limits } from '#shared/limits'
import { addresseeOf } from './addressee.ts'
import { append } from './log.ts'
import { enqueueNotice } from './outbox.ts'
import type { ConnectionId } from './ports.ts'
import { addBuddy, hideFrom, removeBuddy, showAgain } from './presence.ts'
import { showReceipts } from './receipts.ts'
import type { Meta, PeerRow } from './rows.ts'
import { peerOf, saveMeta, savePeer, send, type Turn } from './turn.ts'

type Operation = ClientFrameOf<'roster'>['operation']

export async function onRoster(frame: ClientFrameOf<'roster'>, connection: ConnectionId, turn: Turn) {
  const peer = await peerOf(turn, addresseeOf(turn, frame.peer))
  await operations[frame.operation](turn, peer)
  send(turn, connection, { type: 'ok', request: frame.request })
}

/** Each may be asked for twice: the second time it changes nothing. */
const operations: { [Name in Operation]: (turn: Turn, peer: PeerRow) => Promise<void> } = {
  async withdraw(turn, peer) {
    if (!expects(peer, 'asking')) return
    enqueueNotice(turn, peer, { kind: 'withdraw' })
    await setRelation(turn, peer, 'none')
  },
  async reject(turn, peer) {
    if (!expects(peer, 'asked')) return
    peer.rejectedUntil = turn.env.now + limits.rejectMs
    await setRelation(turn, peer, 'none') // nothing travels: the asker is not to know (RO4)
  },
  async remove(turn, peer) {
    if (!expects(peer, 'buddies')) return
    enqueueNotice(turn, peer, { kind: 'remove' })
    await setRelation(turn, peer, 'none')
  },
  async block(turn, peer) {
    if (peer.blocked) return
    if (turn.meta.blocks >= limits.blocksMax)
      throw new ProtocolError('resource-constraint', 'too many blocked')
    peer.blocked = true
    turn.meta.blocks++
    if (peer.relation === 'buddies') await hideFrom(turn, peer.user)
    if (peer.relation === 'asked') await setRelation(turn, peer, 'none')
    else noteRoster(turn, peer)
  },
  async unblock(turn, peer) {
    if (!peer.blocked) return
    peer.blocked = false
    peer.mine.dropping = false
    turn.meta.blocks--
    if (peer.relation === 'buddies') await showAgain(turn, peer.user)
    noteRoster(turn, peer)
    showReceipts(turn, peer)
    turn.pumps.add(peer.user)
  },
  async mute(turn, peer) {
    if (peer.muted) return
    peer.muted = true
    noteRoster(turn, peer)
  },
  async unmute(turn, peer) {
    if (!peer.muted) return
    peer.muted = false
    noteRoster(turn, peer)
  },
}

/** False when it has been done already. @throws ProtocolError `not-allowed` when it was never possible. */
function expects({ relation }: PeerRow, wanted: Relation): boolean {
  if (relation === wanted) return true
  if (relation === 'none') return false
  throw new ProtocolError('not-allowed', `the relation is ${relation}`)
}

/** Changes the relation on this side and tells all devices (RO10). */
export async function setRelation(turn: Turn, peer: PeerRow, relation: Relation) {
  const before = peer.relation
  if (before === relation) return
  if (before !== 'none') turn.meta[before]--
  if (relation !== 'none') turn.meta[relation]++
  peer.relation = relation
  if (relation !== 'asking') peer.knock = null
  if (relation === 'buddies') delete peer.knocked
  if (before === 'buddies') removeBuddy(turn, peer.user)
  if (relation === 'buddies') {
    await addBuddy(turn, peer)
    turn.pumps.add(peer.user) // what they may see from now on
  }
  noteRoster(turn, peer)
}

function noteRoster(turn: Turn, peer: PeerRow) {
  const { user, relation, muted, blocked } = peer
  peer.version = Math.max(turn.env.now, peer.version + 1)
  savePeer(turn, peer)
  saveMeta(turn)
  append(turn, { type: 'roster', peer: user, relation, muted, blocked, version: peer.version })
}

export const rosterSize = (meta: Meta) => meta.buddies + meta.asking
