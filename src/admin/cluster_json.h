// The cluster's nouns as JSON. Inside src/admin only: it brings Boost.JSON along.
#pragma once

#include "replication/cluster.h"

#include <boost/json.hpp>

namespace larder::admin {

boost::json::object member_json(const cluster::Member& member);
boost::json::array members_json(const std::vector<cluster::Member>& members);
boost::json::object health_json(const cluster::Health& health);
boost::json::object loss_json(const cluster::Loss& loss);
boost::json::object invitation_json(const cluster::Invitation& invitation);
// `members` give names to the nodes.
boost::json::object layout_json(const cluster::LayoutState& state, const std::vector<cluster::Member>& members);
boost::json::object plan_json(const cluster::LayoutPlan& plan, const std::vector<cluster::Member>& members);
boost::json::object version_json(const cluster::LayoutVersion& version);

}  // namespace larder::admin
