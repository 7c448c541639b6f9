// SPDX-License-Identifier: Apache-2.0
#include "serve/http/exchange.h"

#include "serve/http/exchange_state.h"

namespace deepseek::serve {
namespace {

std::shared_ptr<void> guard_of(const std::shared_ptr<ExchangeState>& state, bool stream) {
  return {static_cast<void*>(nullptr), [state, stream](void*) { state->dropped(stream); }};
}

}  // namespace

std::string event_text(const ServerEvent& event) {
  std::string text;
  text.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  if (!event.event.empty()) text.append("event: ").append(event.event).append("\n");
  if (!event.id.empty()) text.append("id: ").append(event.id).append("\n");
  std::string_view data = event.data;
  while (true) {
    const size_t end = data.find('\n');
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.npos) break;
    data.remove_prefix(end + 1);
  }
  return text += '\n';
}

EventStream::EventStream(std::shared_ptr<ExchangeState> state, std::shared_ptr<void> guard)
    : state_(std::move(state)), guard_(std::move(guard)) {}

bool EventStream::send(const ServerEvent& event) { return state_->append(event_text(event)); }

bool EventStream::line(std::string_view json) {
  std::string text(json);
  return state_->append(text += '\n');
}

bool EventStream::comment(std::string_view text) {
  return state_->append(": " + std::string(text) + "\n\n");
}

bool EventStream::write(std::string_view bytes) { return state_->append(bytes); }

void EventStream::done() {
  state_->append("data: [DONE]\n\n");
  state_->finish_stream();
}

void EventStream::finish() { state_->finish_stream(); }

void EventStream::fail(const RequestError& error) { state_->fail(std::make_exception_ptr(error)); }

void EventStream::fail(const std::exception_ptr& failure) { state_->fail(failure); }

bool EventStream::writable() const { return state_->writable(); }
bool EventStream::closed() const { return state_->closed(); }
void EventStream::on_writable(std::function<void()> call) { state_->on_writable(std::move(call)); }
void EventStream::on_closed(std::function<void(ClosedBecause)> call) {
  state_->on_closed(std::move(call));
}

void EventStream::summarise(RequestSummary summary) { state_->summarise(std::move(summary)); }

Exchange::Exchange(std::shared_ptr<ExchangeState> state)
    : state_(std::move(state)), guard_(guard_of(state_, false)) {}

const HttpRequest& Exchange::request() const { return state_->request(); }
void Exchange::reply(HttpReply reply) { state_->reply(std::move(reply)); }
void Exchange::fail(const RequestError& error) { state_->fail(std::make_exception_ptr(error)); }
void Exchange::fail(const std::exception_ptr& failure) { state_->fail(failure); }

EventStream Exchange::stream(StreamReply reply) {
  state_->begin_stream(std::move(reply));
  return EventStream(state_, guard_of(state_, true));
}

bool Exchange::closed() const { return state_->closed(); }
void Exchange::on_closed(std::function<void(ClosedBecause)> call) {
  state_->on_closed(std::move(call));
}
void Exchange::summarise(RequestSummary summary) { state_->summarise(std::move(summary)); }

Exchange hand_out(const std::shared_ptr<ExchangeState>& state) { return Exchange(state); }

Handler answering(std::function<HttpReply(const HttpRequest&)> answer) {
  return [answer = std::move(answer)](Exchange exchange) {
    exchange.reply(answer(exchange.request()));
  };
}

}  // namespace deepseek::serve
