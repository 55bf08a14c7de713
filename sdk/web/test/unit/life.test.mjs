// What the wallet makes of the log's entries and the issuer's answers: one word
// for how a place stands, and which announcement can still be stopped.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announcement, blank, last, recovering, standing } from '../../wallet/life.js'

const issuer = { name: 'issuer.test', vkey: 'issuer.test+1+A', at: 'https://issuer.test' }
const event = (op, record, day = 20_000) => ({ op, record, leaf: 3, day })
/** A holder with one place. */
const holder = (life = {}, { member = false, enrolled = 0, broken = false } = {}) => ({
  broken: new Map(broken ? [[issuer.vkey, { code: 'fork_detected' }]] : []),
  memberships: new Map([[issuer.vkey, { member }]]),
  enrolments: new Map(enrolled ? [[issuer.vkey, { id: 'e', receipt: 'r', enrolled }]] : []),
  life: () => ({ ...blank(), ...life }),
})

test('a place stands as log and issuer say', () => {
  for (const [want, life, more] of [
    ['none', {}, {}],
    ['broken', { events: [event('enrol', 1)] }, { member: true, enrolled: 5, broken: true }],
    ['waiting', {}, { enrolled: 5 }],
    ['member', { events: [event('enrol', 1)] }, { member: true, enrolled: 5 }],
    ['member', { events: [event('enrol', 1), event('rekey_announced', 2)] }, { member: true }],
    ['recovering', { recovery: { status: 'announced' } }, {}],
    ['recovering', { recovery: { status: 'out' } }, {}],
    ['recovering', { recovery: { status: 'committed' } }, {}], // the set has not been read again yet
    ['member', { recovery: { status: 'committed' }, events: [event('rekey_in', 9)] }, { member: true }],
    ['stopped', { recovery: { status: 'refused', code: 'recovery_vetoed' } }, {}],
    ['moved', { events: [event('enrol', 1), event('rekey_announced', 2), event('rekey_out', 5)] }, { enrolled: 5 }],
    ['removed', { events: [event('enrol', 1), event('remove', 5)] }, { enrolled: 5 }],
    ['left', { deletion: { id: 'd', status: 'removed', reentry_at: 9 }, events: [event('remove', 5)] }, { enrolled: 5 }],
    ['left', { deletion: { id: 'd', status: 'removed', reentry_at: 9 } }, { member: true }], // asked for, and the set not read again yet
    ['left', { deletion: { id: 'd', status: 'destroyed', destroyed_at: 9 }, events: [event('remove', 5)] }, { enrolled: 5 }],
    ['waiting', { deletion: { id: 'd', status: 'destroyed', destroyed_at: 9 }, events: [event('remove', 5)] }, { enrolled: 10 }], // back after the delay
    ['member', { deletion: { id: 'd', status: 'destroyed', destroyed_at: 9 }, events: [event('remove', 5), event('enrol', 9)] }, { enrolled: 10, member: true }],
  ]) assert.equal(standing(holder(life, more), issuer), want, JSON.stringify([life, more]))
})

test('an announcement can be stopped until the log shows its end; the newest one counts', () => {
  const life = (...events) => ({ ...blank(), events })
  assert.equal(announcement(life(event('enrol', 1))), undefined)
  assert.equal(announcement(life(event('enrol', 1), event('rekey_announced', 4)))?.record, 4)
  assert.equal(announcement(life(event('rekey_announced', 4), event('rekey_announced', 8)))?.record, 8)
  assert.equal(announcement(life(event('rekey_announced', 4), event('rekey_out', 8))), undefined)
  assert.equal(announcement(life(event('rekey_announced', 4), event('remove', 8))), undefined)
  assert.equal(last(life(event('enrol', 1), event('rekey_in', 2)), 'enrol', 'rekey_in')?.record, 2)
  assert.deepEqual(['waiting', 'announced', 'out', 'committed', 'refused'].map((status) => recovering({ ...blank(), recovery: { status } })), [true, true, true, false, false])
})
