// This node as a replica: answers what the block stores of other nodes ask.
#pragma once

#include "replication/spread/fetcher.h"
#include "replication/spread/read_gate.h"

namespace larder::spread {

class Server {
 public:
    // Answers from now on; outlives the network's last call.
    Server(const Context& context, Fetcher& fetcher, ReadGate& gate);

    // Until one is given, questions about rows fail: nothing is taken for an orphan meanwhile.
    void set_book(OwnerBook* book) { book_ = book; }
    // Says whether what is here is known to be all that was acknowledged here.
    void vouch_by(std::function<bool()> whole) { whole_ = std::move(whole); }
    // Called when another node says that something was not brought here.
    void on_look(std::function<void()> look) { look_ = std::move(look); }

    // Also for this node's own questions.
    // Which of the owners are being read here; what was under way when it was asked is over then. timeout.
    io::Task<base::Result<std::vector<Owner>>> barrier(std::vector<Owner> owners);
    // All references of them go. conflict/block when one is being read.
    io::Task<base::Result<void>> drop(std::vector<Owner> owners);
    io::Task<base::Result<std::vector<Owner>>> ask_book(Operation operation, std::vector<Owner> owners);

 private:
    io::Task<base::Result<io::Message>> answer(io::NodeNumber from, io::Message request);
    io::Task<base::Result<io::Message>> answer_owners(Operation operation, std::vector<Owner> owners);
    io::Task<base::Result<io::Message>> store(block::Packed packed);
    io::Task<base::Result<io::Message>> refer(ReferRequest request);
    io::Task<base::Result<io::Message>> read(ReadRequest request);
    io::Task<base::Result<io::Message>> fetch(Hash256 name);
    io::Task<base::Result<io::Message>> list(ListRequest request);
    // Whether a request made under that layout may be served; adopts a newer one first.
    io::Task<base::Result<void>> in_order(io::NodeNumber from, Envelope envelope);
    void noticed(const Hash256& name, const base::Error& error);

    const Context& context_;
    Fetcher& fetcher_;
    ReadGate& gate_;
    OwnerBook* book_ = nullptr;
    std::function<void()> look_;
    std::function<bool()> whole_;
};

}  // namespace larder::spread
